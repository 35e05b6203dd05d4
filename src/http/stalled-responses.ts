import { UnorderedList } from '../execution/unordered-list.js';
import type { HttpExchange } from './http-exchange.js';
import { sendProgress } from './send-progress.js';

/** The state of the sending of a response, and the time, in milliseconds, since when it is the same. */
export interface SendSnapshot {
  readonly sent: number;
  readonly since: number;
}

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
      // A task of another exchange, which has just been found stalled, may have ended this one.
      if (exchange.listIndex === -1) continue;
      const { isQueued, sent } = sendProgress(exchange.response!);
      const { snapshot } = exchange;
      if (!snapshot || !isQueued || sent !== snapshot.sent) {
        exchange.snapshot = { sent, since: now };
      } else if (now - snapshot.since >= this.timeoutMs) {
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
