import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { onceClosed } from './once-closed.js';

export type RawRequest = IncomingMessage | Http2ServerRequest;
export type RawResponse = ServerResponse | Http2ServerResponse;

/**
 * Calls back once, when the response is over: all of it handed to the operating system (`finish`),
 * or its connection gone (`close`). A pipelined response that waits for its turn gets neither when
 * the client leaves, so its socket is watched instead.
 */
export function onResponseEnd(request: RawRequest, response: RawResponse, callback: () => void): void {
  if (isOver(response)) {
    callback();
    return;
  }
  let stopWatchingSocket: (() => boolean | void) | undefined;
  const end = () => {
    response.off('finish', end);
    response.off('close', end);
    stopWatchingSocket?.();
    callback();
  };
  response.on('finish', end);
  response.on('close', end);
  if (!response.socket && request.socket) {
    if (request.socket.destroyed) end();
    else stopWatchingSocket = onceClosed(request.socket, end);
  }
}

/** Whether the client left before it had the whole response. */
export function isAborted(request: RawRequest, response: RawResponse): boolean {
  // On HTTP/2 `finish` fires for an aborted stream, too.
  if (isHttp2(response)) return (request as Http2ServerRequest).aborted || (response.stream?.rstCode ?? 0) !== 0;
  return !response.writableFinished;
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
  const socket = response.socket as (Socket & SocketInternals) | null;
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
  return response.writableFinished || response.destroyed || (response as ServerResponse).closed === true;
}

function isHttp2(response: RawResponse): response is Http2ServerResponse {
  return 'stream' in response;
}
