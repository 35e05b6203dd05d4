import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { isHttp2, onceClosed, type RawRequest, type RawResponse } from '../nest/raw-http.js';

export interface ResponseListener {
  /**
   * The response is over. `aborted` tells whether the client left before it had the whole of it. Only the first call
   * counts: removing the event listeners costs more than another call.
   */
  responseOver(aborted: boolean): void;
}

/**
 * Tells the listener when the response is over: all of it was handed to the operating system (`finish`), or its
 * connection is gone (`close`). A pipelined response that waits for its turn gets neither event when the client leaves,
 * so its socket is watched instead.
 */
export function onResponseOver(request: RawRequest, response: RawResponse, listener: ResponseListener): void {
  if (response.destroyed || response.writableFinished) {
    listener.responseOver(isHttp2(response) ? isReset(request, response) : !response.writableFinished);
    return;
  }
  // Node also emits `finish` for bytes that were queued when the connection broke.
  response.on('finish', () =>
    listener.responseOver(isHttp2(response) ? isReset(request, response) : isBroken(request.socket)),
  );
  // Its state tells nothing: a handler that ends it after the client has left makes it finished.
  response.on('close', () => listener.responseOver(isHttp2(response) ? isReset(request, response) : true));
  if (!response.socket && request.socket) watchSocket(request.socket, response, listener);
}

function watchSocket(socket: Socket, response: RawResponse, listener: ResponseListener): void {
  if (socket.destroyed) return listener.responseOver(true);
  const stopWatching = onceClosed(socket, () => listener.responseOver(true));
  response.on('finish', stopWatching);
  response.on('close', stopWatching);
}

/** On HTTP/2 `finish` fires for an aborted stream, too. */
function isReset(request: RawRequest, response: Http2ServerResponse): boolean {
  return (request as Http2ServerRequest).aborted || (response.stream?.rstCode ?? 0) !== 0;
}

function isBroken(socket: Socket): boolean {
  return socket.destroyed || Boolean(socket.errored);
}
