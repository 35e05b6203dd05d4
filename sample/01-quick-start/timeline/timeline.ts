import { type Observable, ReplaySubject } from 'rxjs';

/** The corridor that every request walks, in this order. */
export type Stage = 'request' | 'handler' | 'response' | 'task' | 'disposal';

export interface TimelineEvent {
  readonly stage: Stage;
  /** Milliseconds since the request came in. */
  readonly atMs: number;
  readonly text: string;
  /** Whether this is the end, with nothing to follow. */
  readonly isLast: boolean;
}

/** What happens in one request, and when. */
export class Timeline {
  readonly #startedAt = performance.now();
  readonly #events = new ReplaySubject<TimelineEvent>();

  constructor(
    readonly id: string,
    private readonly log: (id: string, event: TimelineEvent) => void,
  ) {}

  /** All events from the first on; completes when the request is over. */
  get events(): Observable<TimelineEvent> {
    return this.#events;
  }

  note(stage: Stage, text: string): void {
    this.#add({ stage, atMs: this.#elapsedMs, text, isLast: false });
  }

  close(): void {
    this.#add({
      stage: 'disposal',
      atMs: this.#elapsedMs,
      text: 'Request closed, nothing of it is left open',
      isLast: true,
    });
    this.#events.complete();
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  #add(event: TimelineEvent): void {
    this.log(this.id, event);
    this.#events.next(event);
  }
}
