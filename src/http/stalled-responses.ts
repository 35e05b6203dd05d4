import { type RawResponse, type SendProgress, sendProgress } from './response-end.js';

/** Something that ends with its response, or without it when the client has stopped reading. */
export interface Watched {
  readonly response: RawResponse;
  stalled(): void;
}

interface Look {
  readonly progress: SendProgress;
  readonly since: number;
}

/**
 * Finds responses whose client has stopped reading: bytes are queued, and none has left for
 * `timeoutMs`. One timer for all of them, which runs only while there are any.
 */
export class StalledResponses {
  /** What the last look saw; nothing before the first, which most responses are over by. */
  readonly #watched = new Map<Watched, Look | undefined>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly timeoutMs: number) {}

  watch(watched: Watched): void {
    if (!this.#watched.has(watched)) this.#watched.set(watched, undefined);
    this.#timer ??= setInterval(() => this.#look(), Math.max(this.timeoutMs / 10, 10)).unref();
  }

  forget(watched: Watched): void {
    this.#watched.delete(watched);
  }

  #look(): void {
    const now = performance.now();
    for (const [watched, look] of this.#watched) {
      const progress = sendProgress(watched.response);
      if (!look || !progress.isQueued || progress.sent !== look.progress.sent) {
        this.#watched.set(watched, { progress, since: now });
      } else if (now - look.since >= this.timeoutMs) {
        this.#watched.delete(watched);
        watched.stalled();
      }
    }
    // The timer outlives a response by one look, so that a busy server does not set one for each.
    if (this.#watched.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
