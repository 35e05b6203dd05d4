import type { QueueEvents } from 'bullmq';
import { setTimeout as wait } from 'node:timers/promises';
import { endsWithin } from '../../execution/time-limit.js';

/** Tells of the jobs of a queue that change, in whichever process, while somebody listens. */
export class QueueWatch {
  readonly #listeners = new Set<JobListener>();
  #events: QueueEvents | undefined;

  constructor(private readonly open: () => QueueEvents) {}

  add(listener: JobListener): () => void {
    this.#listeners.add(listener);
    if (!this.#events) void this.#listen((this.#events = this.open()));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) void this.close();
    };
  }

  async close(): Promise<void> {
    const events = this.#events;
    this.#events = undefined;
    if (events)
      await endsWithin(
        events.close().catch(() => undefined),
        CLOSE_MS,
      );
  }

  /** Begins again after an error, such as a lost connection. */
  async #listen(events: QueueEvents): Promise<void> {
    events.on('error', () => undefined);
    for (const name of CHANGES) events.on(name, ({ jobId }: { jobId: string }) => this.#tell(jobId));
    while (this.#events === events) {
      const running = this.#run(events);
      await running.catch(() => undefined);
      if (this.#events === events) await wait(TRY_AGAIN_MS, undefined, { ref: false });
    }
  }

  async #run(events: QueueEvents): Promise<void> {
    await events.waitUntilReady();
    const running = events.run();
    // What changed before it began to listen was not told, and BullMQ does not say when it began.
    const told = setTimeout(() => this.#tell(undefined), LISTENS_AFTER_MS);
    await running.finally(() => clearTimeout(told));
  }

  #tell(jobId: string | undefined): void {
    for (const listener of this.#listeners) listener(jobId);
  }
}

/** Is told the id of a job that has changed; `undefined` if any of them may have. */
export type JobListener = (jobId: string | undefined) => void;

/** The events of BullMQ that change what a report says. */
const CHANGES = ['active', 'progress', 'delayed', 'waiting', 'completed', 'failed', 'removed'] as const;

/** Milliseconds after which it listens, on a server that is not slow. */
const LISTENS_AFTER_MS = 200;

const TRY_AGAIN_MS = 500;
const CLOSE_MS = 500;
