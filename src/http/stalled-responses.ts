import { type RawResponse, type SendProgress, sendProgress } from './response-end.js';

interface Watched {
  readonly stalled: () => void;
  /** Unknown until the first look: most responses are over before it. */
  progress?: SendProgress;
  since: number;
}

/**
 * Finds responses whose client has stopped reading: bytes are queued, and none has left for
 * `timeoutMs`. One timer for all of them, which runs only while there are any.
 */
export class StalledResponses {
  readonly #watched = new Map<RawResponse, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly timeoutMs: number) {}

  watch(response: RawResponse, stalled: () => void): void {
    this.#watched.set(response, { stalled, since: 0 });
    this.#timer ??= setInterval(() => this.#look(), Math.max(this.timeoutMs / 10, 10)).unref();
  }

  forget(response: RawResponse): void {
    this.#watched.delete(response);
  }

  #look(): void {
    const now = performance.now();
    for (const [response, watched] of this.#watched) {
      const progress = sendProgress(response);
      if (!progress.isQueued || progress.sent !== watched.progress?.sent) {
        watched.progress = progress;
        watched.since = now;
      } else if (now - watched.since >= this.timeoutMs) {
        this.#watched.delete(response);
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
