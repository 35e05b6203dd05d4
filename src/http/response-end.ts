import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { onceClosed } from './once-closed.js';

export type RawRequest = IncomingMessage | Http2ServerRequest;
export type RawResponse = ServerResponse | Http2ServerResponse;

/**
 * Calls back once, when the response is over: all of it handed to the operating system (`finish`),
 * or its connection gone (`close`). A pipelined response that waits for its turn gets neither when
 * the client leaves, so its socket is watched instead. The callback is told whether the client left
 * before it had the whole response.
 */
export function onResponseEnd(request: RawRequest, response: RawResponse, callback: (aborted: boolean) => void): void {
  if (isOver(response)) {
    callback(isHttp2(response) ? isReset(request, response) : !response.writableFinished);
    return;
  }
  let stopWatchingSocket: (() => boolean | void) | undefined;
  let hasEnded = false;
  // The listeners go with the response: to take them off costs more than to call one in vain.
  const end = (aborted: boolean) => {
    if (hasEnded) return;
    hasEnded = true;
    stopWatchingSocket?.();
    callback(aborted);
  };
  // Node says `finish`, too, of bytes that were queued when the connection broke.
  const finished = () => end(isHttp2(response) ? isReset(request, response) : isBroken(request.socket));
  // A handler that ends its response after the client has left makes it look finished, so it is not asked.
  const closed = () => end(isHttp2(response) ? isReset(request, response) : true);
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

/** How far the sending of a response has come. */
export interface SendProgress {
  /** Whether bytes wait to be sent. */
  readonly isQueued: boolean;
  /** Changes with every byte that leaves; only good for comparing. */
  readonly sent: number;
}

export function sendProgress(response: RawResponse): SendProgress {
  if (isHttp2(response)) {
    const queued = response.stream?.writableLength ?? 0;
    return { isQueued: queued > 0, sent: -queued };
  }
  const socket: (Socket & SocketInternals) | null = response.socket;
  if (!socket) return { isQueued: false, sent: 0 };
  // Node's own socket timeout reads the handle, too: one large write is a single entry in the
  // stream's queue, and only the handle knows how much of it has left.
  const inHandle = socket._handle?.writeQueueSize ?? 0;
  return { isQueued: socket.writableLength > 0 || inHandle > 0, sent: (socket._bytesDispatched ?? 0) - inHandle };
}

interface SocketInternals {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
  readonly _bytesDispatched?: number;
}

function isOver(response: RawResponse): boolean {
  return response.destroyed || response.writableFinished;
}

function isHttp2(response: RawResponse): response is Http2ServerResponse {
  return 'stream' in response;
}
