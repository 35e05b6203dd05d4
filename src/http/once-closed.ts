import type { Duplex } from 'node:stream';

const watchers = new WeakMap<Duplex, Set<() => void>>();

/**
 * Calls back once the socket has closed. One listener a socket, however many of its pipelined
 * requests wait: how many there are is the client's choice. Returns a function that stops waiting.
 */
export function onceClosed(socket: Duplex, callback: () => void): () => void {
  let callbacks = watchers.get(socket);
  if (!callbacks) {
    const created = (callbacks = new Set());
    watchers.set(socket, created);
    socket.once('close', () => {
      for (const call of created) call();
      created.clear();
    });
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}
