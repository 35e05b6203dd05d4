import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';

/** Node's own request, which a framework may wrap. */
export type RawRequest = IncomingMessage | Http2ServerRequest;
/** Node's own response, which a framework may wrap. */
export type RawResponse = ServerResponse | Http2ServerResponse;

export function isHttp2(response: RawResponse): response is Http2ServerResponse {
  return 'stream' in response;
}

/**
 * Calls back once, when the socket has closed. It adds one listener to a socket for all pipelined requests on it: the
 * client decides how many those are. Returns a function that removes the callback.
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
