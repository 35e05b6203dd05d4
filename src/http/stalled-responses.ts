import { type ListMember, UnorderedList } from '../execution/unordered-list.js';
import { type RawResponse, type SendProgress, sendProgress } from './response-end.js';

/** How far a response had come when it was last looked at. */
export interface Look {
  readonly progress: SendProgress;
  /** When it was first seen like that, in milliseconds. */
  readonly since: number;
}

/** Something that ends with its response, or without it when the client has stopped reading. */
export interface Watched extends ListMember {
  readonly response: RawResponse;
  /** Nothing before the first look, which most responses are over by. */
  look: Look | undefined;
  stalled(): void;
}

/**
 * Finds responses whose client has stopped reading: bytes are queued, and none has left for
 * `timeoutMs`. One timer for all of them, which runs only while there are any.
 */
export class StalledResponses {
  readonly #watched = new UnorderedList<Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly timeoutMs: number) {}

  watch(watched: Watched): void {
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => this.#look(), Math.max(this.timeoutMs / 10, 10)).unref();
  }

  forget(watched: Watched): void {
    this.#watched.delete(watched);
  }

  #look(): void {
    const now = performance.now();
    for (const watched of this.#watched.toArray()) {
      // A task that another one's end has started may have ended it.
      if (watched.listIndex === -1) continue;
      const progress = sendProgress(watched.response);
      const { look } = watched;
      if (!look || !progress.isQueued || progress.sent !== look.progress.sent) {
        watched.look = { progress, since: now };
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
