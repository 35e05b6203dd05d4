/**
 * Looks now and then whether the tasks that run have been cancelled, while any runs. A message could be missed; the mark
 * in a job cannot.
 */
export class CancelledJobs {
  /** The ids of the tasks, by those of their jobs. */
  readonly #running = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    /** Resolves with those of the jobs that are marked. */
    private readonly find: (jobIds: readonly string[]) => Promise<readonly string[]>,
    private readonly cancel: (taskId: string) => void,
  ) {}

  begin(jobId: string, taskId: string): void {
    this.#running.set(jobId, taskId);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  end(jobId: string): void {
    this.#running.delete(jobId);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    // Not when the last one ends: a busy worker would set a timer for each job.
    if (this.#running.size === 0) return this.stop();
    try {
      for (const id of await this.find([...this.#running.keys()])) {
        const task = this.#running.get(id);
        if (task !== undefined) this.cancel(task);
      }
    } catch {
      // The server is gone, or busy: the next look is soon.
    }
  }
}

/** Milliseconds between two looks: the longest that a running task goes on before it hears that it is cancelled. */
const LOOK_EVERY_MS = 1_000;
