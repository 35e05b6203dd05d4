import { Observable, type Subscriber } from 'rxjs';
import type { NamedTaskReport, NamedTaskState } from '../contracts/named-task-report.js';
import { Semaphore } from '../execution/semaphore.js';

/** The reports that somebody watches. Each is read once for all who watch it, when it may have changed. */
export class WatchedTasks {
  readonly #tasks = new Map<string, WatchedTask>();
  /** The tasks by the ids of their jobs. */
  readonly #byJob = new Map<string, WatchedTask>();
  #stopListening: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Or a thousand reports would be read at once, and what the application enqueues meanwhile would wait for them all. */
  readonly #reads = new Semaphore(READS_AT_A_TIME);

  constructor(private readonly source: ReportSource) {}

  watch(id: string): Observable<NamedTaskReport> {
    return new Observable((subscriber) => {
      if (this.#isClosed) return subscriber.complete();
      const task = this.#tasks.get(id) ?? this.#add(id);
      task.add(subscriber);
      return () => {
        if (task.delete(subscriber)) this.#delete(task);
      };
    });
  }

  /** Completes all that are watched: the application shuts down, and another process goes on. */
  close(): void {
    this.#isClosed = true;
    for (const task of this.#tasks.values()) task.complete();
  }

  #add(id: string): WatchedTask {
    // Before the first read, or a change between the two would be missed.
    if (this.#tasks.size === 0) this.#listen();
    const task = new WatchedTask(id, async () => {
      await new Promise<void>((granted) => this.#reads.acquire({ granted }));
      try {
        // Whoever watched it may have left meanwhile.
        if (this.#tasks.get(id) !== task) return undefined;
        const report = await this.source.find(id);
        if (report?.job && this.#tasks.get(id) === task) this.#byJob.set(report.job.id, task);
        return report;
      } finally {
        this.#reads.release();
      }
    });
    this.#tasks.set(id, task);
    return task;
  }

  #delete(task: WatchedTask): void {
    if (this.#tasks.get(task.id) !== task) return;
    this.#tasks.delete(task.id);
    const job = task.last?.job;
    if (job && this.#byJob.get(job.id) === task) this.#byJob.delete(job.id);
    if (this.#tasks.size > 0) return;
    this.#stopListening?.();
    clearInterval(this.#timer);
    this.#stopListening = this.#timer = undefined;
  }

  #listen(): void {
    const readAll = () => {
      for (const task of this.#tasks.values()) task.changed();
    };
    let seconds = 0;
    const readAgain = () => {
      const isTurnOfAll = ++seconds % READ_AGAIN_SECONDS === 0;
      // The end of another task is a change of its group, and nothing tells of that.
      for (const task of this.#tasks.values()) if (isTurnOfAll || task.last?.group) task.readAgain();
    };
    this.#stopListening = this.source.watch((id) => {
      if (id === undefined) readAll();
      else (this.#tasks.get(id) ?? this.#byJob.get(id))?.changed();
    });
    this.#timer = setInterval(readAgain, 1_000);
    this.#timer.unref();
  }
}

/** The source of reports. */
export interface ReportSource {
  find(id: string): Promise<NamedTaskReport | undefined>;
  /** Tells of reports that may have changed: of one, by the id of the task or of its job, or of all. */
  watch(changed: (id?: string) => void): () => void;
}

/** One task and all who watch it. */
class WatchedTask {
  readonly #subscribers = new Set<Subscriber<NamedTaskReport>>();
  #shown: string | undefined;
  #isReading = false;
  #hasChanged = false;
  last: NamedTaskReport | undefined;

  constructor(
    readonly id: string,
    private readonly read: () => Promise<NamedTaskReport | undefined>,
  ) {}

  add(subscriber: Subscriber<NamedTaskReport>): void {
    this.#subscribers.add(subscriber);
    if (this.last) subscriber.next(this.last);
    else this.changed();
  }

  /** Returns whether nobody is left. */
  delete(subscriber: Subscriber<NamedTaskReport>): boolean {
    this.#subscribers.delete(subscriber);
    return this.#subscribers.size === 0;
  }

  complete(): void {
    for (const subscriber of this.#subscribers) subscriber.complete();
  }

  /** Reads the report, once more if it changes meanwhile. */
  changed(): void {
    this.#hasChanged = true;
    if (!this.#isReading) void this.#readAll();
  }

  /** Reads the report, in case a change was not told. */
  readAgain(): void {
    if (!this.#isReading) this.changed();
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    while (this.#hasChanged && this.#subscribers.size > 0) {
      this.#hasChanged = false;
      try {
        this.#show(await this.read());
      } catch (error) {
        // One that is shown already is read again from time to time.
        if (!this.last) for (const subscriber of this.#subscribers) subscriber.error(error);
      }
    }
    this.#isReading = false;
  }

  #show(report: NamedTaskReport | undefined): void {
    // It is unknown, or its job was removed.
    if (!report) return this.complete();
    this.last = report;
    const shown = JSON.stringify(report);
    if (shown !== this.#shown) for (const subscriber of this.#subscribers) subscriber.next(report);
    this.#shown = shown;
    if (!OPEN.has(report.state)) this.complete();
  }
}

const OPEN: ReadonlySet<NamedTaskState> = new Set(['waiting', 'delayed', 'running']);

/** Reports that are read at a time. */
const READS_AT_A_TIME = 5;

/** Seconds after which a report is read again that did not seem to change. */
const READ_AGAIN_SECONDS = 3;
