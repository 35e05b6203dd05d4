import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { isHttp2, onceClosed, type RawRequest, type RawResponse } from '../nest/raw-http.js';

/**
 * Calls back once, when the response is over: all of it was handed to the operating system (`finish`), or its
 * connection is gone (`close`). A pipelined response that waits for its turn gets neither event when the client leaves,
 * so its socket is watched instead. `aborted` tells whether the client left before it had the whole response.
 */
export function onResponseOver(request: RawRequest, response: RawResponse, over: (aborted: boolean) => void): void {
  if (response.destroyed || response.writableFinished) {
    over(isHttp2(response) ? isReset(request, response) : !response.writableFinished);
    return;
  }
  let stopWatchingSocket: (() => boolean | void) | undefined;
  let isOver = false;
  // The listeners stay on: removing them costs more than an extra call.
  const once = (aborted: boolean) => {
    if (isOver) return;
    isOver = true;
    stopWatchingSocket?.();
    over(aborted);
  };
  // Node also emits `finish` for bytes that were queued when the connection broke.
  const finished = () => once(isHttp2(response) ? isReset(request, response) : isBroken(request.socket));
  // Its state tells nothing: a handler that ends it after the client has left makes it finished.
  const closed = () => once(isHttp2(response) ? isReset(request, response) : true);
  response.on('finish', finished);
  response.on('close', closed);
  if (!response.socket && request.socket) {
    if (request.socket.destroyed) closed();
    else stopWatchingSocket = onceClosed(request.socket, closed);
  }
}

/** On HTTP/2 `finish` fires for an aborted stream, too. */
function isReset(request: RawRequest, response: Http2ServerResponse): boolean {
  return (request as Http2ServerRequest).aborted || (response.stream?.rstCode ?? 0) !== 0;
}

function isBroken(socket: Socket): boolean {
  return socket.destroyed || Boolean(socket.errored);
}
