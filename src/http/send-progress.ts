import type { Socket } from 'node:net';
import { isHttp2, type RawResponse } from '../nest/raw-http.js';

/** The state of the sending of a response. */
export interface SendProgress {
  /** Whether bytes wait to be sent. */
  readonly isQueued: boolean;
  /** A number that changes with every byte that leaves. It is only good for comparing. */
  readonly sent: number;
}

export function sendProgress(response: RawResponse): SendProgress {
  if (isHttp2(response)) {
    const queued = response.stream?.writableLength ?? 0;
    return { isQueued: queued > 0, sent: -queued };
  }
  const socket: (Socket & SocketInternals) | null = response.socket;
  if (!socket) return { isQueued: false, sent: 0 };
  // Node's own socket timeout reads the handle, too: one large write is a single entry in the stream's queue, and only
  // the handle knows how much of it has left.
  const inHandle = socket._handle?.writeQueueSize ?? 0;
  return { isQueued: socket.writableLength > 0 || inHandle > 0, sent: (socket._bytesDispatched ?? 0) - inHandle };
}

interface SocketInternals {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
  readonly _bytesDispatched?: number;
}
