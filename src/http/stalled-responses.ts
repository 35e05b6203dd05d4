import type { Socket } from 'node:net';
import { UnorderedList } from '../execution/unordered-list.js';
import { isHttp2, type RawResponse } from '../nest/raw-http.js';
import type { HttpExchange } from './http-exchange.js';

/**
 * Finds responses whose client has stopped reading: bytes are queued, and none has left for `timeoutMs`. One timer
 * serves all of them, and runs only while there are any.
 */
export class StalledResponses {
  readonly #watched = new UnorderedList<HttpExchange>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly timeoutMs: number) {}

  watch(exchange: HttpExchange): void {
    this.#watched.add(exchange);
    this.#timer ??= setInterval(() => this.#check(), Math.max(this.timeoutMs / 10, 10)).unref();
  }

  forget(exchange: HttpExchange): void {
    this.#watched.delete(exchange);
  }

  #check(): void {
    const now = performance.now();
    for (const exchange of this.#watched.toArray()) {
      // The end of another exchange may have run a task that ended this one.
      if (exchange.listIndex === -1) continue;
      const { isQueued, sent } = sendProgress(exchange.response!);
      const { snapshot } = exchange;
      if (!snapshot || !isQueued || sent !== snapshot.sent) {
        exchange.snapshot = { sent, since: now };
      } else if (now - snapshot.since >= this.timeoutMs && !exchange.isHandlerRunning) {
        this.#watched.delete(exchange);
        exchange.stalled();
      }
    }
    // The timer outlives a response by one check, so that a busy server does not set one for each.
    if (this.#watched.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

/** The number of bytes that had left at a time. */
export interface SendSnapshot {
  /** A number that changes with every byte that leaves. It is only good for comparing. */
  readonly sent: number;
  /** Milliseconds of `performance.now()`. */
  readonly since: number;
}

function sendProgress(response: RawResponse): { readonly isQueued: boolean; readonly sent: number } {
  if (isHttp2(response)) {
    const queued = response.stream?.writableLength ?? 0;
    return { isQueued: queued > 0, sent: -queued };
  }
  const socket: (Socket & SocketInternals) | null = response.socket;
  if (!socket) return { isQueued: false, sent: 0 };
  // One large write is a single entry in the queue of the stream: only the handle knows how much of it has left.
  const inHandle = socket._handle?.writeQueueSize ?? 0;
  return { isQueued: socket.writableLength > 0 || inHandle > 0, sent: (socket._bytesDispatched ?? 0) - inHandle };
}

interface SocketInternals {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
  readonly _bytesDispatched?: number;
}
