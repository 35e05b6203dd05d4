import type { Duplex } from 'node:stream';

/**
 * Calls back once, when the socket has closed. It adds one listener to a socket, however many pipelined requests
 * wait on it: the client decides how many those are. Returns a function that stops waiting.
 */
export function onceClosed(socket: Duplex, callback: () => void): () => void {
  let callbacks = waiting.get(socket);
  if (!callbacks) {
    const created = (callbacks = new Set());
    waiting.set(socket, created);
    socket.once('close', () => {
      for (const call of created) call();
      created.clear();
    });
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

const waiting = new WeakMap<Duplex, Set<() => void>>();
