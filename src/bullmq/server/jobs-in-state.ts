import type { JobState } from 'bullmq';
import { askServer } from './ask-server.js';
import type { QueueServer, TaskJob, TaskQueue } from './queue-server.js';

/** The jobs of a queue that BullMQ keeps in one state, read in parts. */
export class JobsInState {
  constructor(
    private readonly server: QueueServer,
    readonly queue: TaskQueue,
    readonly state: JobState,
  ) {}

  count(): Promise<number> {
    return this.#ask(() => this.queue.getJobCountByTypes(this.state));
  }

  /** Reads the jobs at the indexes, of which there are {@link PART} at most. One that was removed meanwhile is left out. */
  async read(first: number, last: number, order: 'newest first' | 'oldest first'): Promise<TaskJob[]> {
    return this.#ask(async () => {
      const ids = await this.queue.getRanges([this.state], first, last, order === 'oldest first');
      const jobs = await Promise.all(ids.map((id) => this.queue.getJob(id)));
      return jobs.filter((job) => job !== undefined);
    });
  }

  /** Finds all jobs, part by part, the newest first. */
  async *all(): AsyncGenerator<TaskJob> {
    const count = await this.count();
    for (let first = 0; first < count; first += PART) yield* await this.read(first, first + PART - 1, 'newest first');
  }

  /**
   * Does something with each job that takes it out of this state, part by part. Resolves with how many it has taken out.
   * Looks at no more jobs than there were in the beginning: one that comes back is not taken again.
   */
  async drain(takeOut: (job: TaskJob) => Promise<boolean>): Promise<number> {
    let [taken, first] = [0, 0];
    // BullMQ keeps waiting jobs in a list, of which PostgreSQL has no end to read from.
    const order = this.state === 'waiting' ? 'newest first' : 'oldest first';
    for (let left = await this.count(); left > 0; left -= PART) {
      const size = Math.min(PART, left);
      const jobs = await this.read(first, first + size - 1, order);
      const out = (await this.#ask(() => Promise.all(jobs.map(takeOut)))).filter(Boolean).length;
      taken += out;
      first += size - out;
    }
    return taken;
  }

  #ask<T>(ask: () => Promise<T>): Promise<T> {
    return askServer(this.server, 'Tasks', 'reached', ask);
  }
}

/** Jobs that are read at a time. Each may have a payload of 64 KiB, and the server has to answer in time. */
export const PART = 100;
