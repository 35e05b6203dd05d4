import type { Job, Processor, Queue, WorkerOptions } from 'bullmq';
import { setTimeout as wait } from 'node:timers/promises';
import type { Transaction } from '../../contracts/transaction.js';
import { BackendUnavailableError, TransactionsUnsupportedError } from '../../errors/named-task-errors.js';
import { endsWithin, withTimeLimit } from '../../execution/time-limit.js';
import { BullMqLog } from '../bullmq-log.js';
import type { ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { addFlow } from './add-flow.js';
import { addJobs } from './add-jobs.js';
import { failureReason } from './failure-reason.js';
import type { LinkState } from './link-state.js';
import { type NewJob, roundTrips } from './new-job.js';
import { Outages } from './outages.js';
import { ServerCommands } from './server-commands.js';
import { TaskQueues } from './task-queues.js';

/** The server that holds the queue, and our link to it. Redis and PostgreSQL each have a subclass. */
export abstract class QueueServer extends ServerCommands {
  readonly kind: 'Redis' | 'PostgreSQL';
  readonly log: BullMqLog;
  readonly outages: Outages;
  /** A new object at each change: the result of a check or a command that began before it is ignored. */
  #state: LinkState = { name: 'starting', reason: 'it has not answered yet' };
  #started: () => void = () => undefined;
  readonly queues = new TaskQueues(
    (name) => this.createQueue(name),
    (name) => this.createEvents(name),
    () => this.createFlows(),
  );
  /** The moment of the last confirmation of jobs. */
  #confirmedAt = -Infinity;
  /** The reason why the last jobs were refused, although the server takes tasks. */
  refusal: string | undefined;
  /** The last error of each worker of this process that has fetched no job since, by the name of its queue. */
  readonly workerFaults = new Map<string, string>();

  constructor(readonly options: ResolvedBullMqOptions) {
    super();
    this.kind = options.server.kind;
    this.log = new BullMqLog(this.kind, options.fallback === 'in-process');
    this.outages = new Outages(this.log, this.#state);
  }

  /** The queue of the tasks that run one by one. */
  get queue(): TaskQueue {
    return this.queues.get(this.options.queueName);
  }

  /** The reason why the server takes no tasks now; `undefined` if it takes them, as far as is known. */
  get unavailableBecause(): string | undefined {
    return this.#state.reason;
  }

  /** @throws BACKEND_UNAVAILABLE, which names `what`, if it is known that the server takes no tasks */
  assertAvailable(what: string): void {
    const { reason } = this.#state;
    if (reason !== undefined) throw new BackendUnavailableError(what, `${this.kind}: ${reason}`);
  }

  /** Begins to connect. Resolves once it is known whether the server takes tasks, in `answerTimeoutMs` at most. */
  async open(): Promise<void> {
    const started = new Promise<void>((resolve) => (this.#started = resolve));
    this.connect();
    await endsWithin(started, this.options.answerTimeoutMs);
  }

  /**
   * Adds all jobs, in one round trip unless they are many. If it rejects, the server may have them or a part of them
   * all the same, or get them later. Silence is an outage unless the server has confirmed other jobs meanwhile. A
   * refusal is one if the server refuses a probe as well.
   */
  async add(jobs: readonly NewJob[]): Promise<void> {
    const state = this.#state;
    const from = performance.now();
    const { answerTimeoutMs } = this.options;
    let isSilent = false;
    const silence = () => {
      isSilent = true;
      return new Error(`it did not answer in ${answerTimeoutMs} ms`);
    };
    try {
      for (const part of roundTrips(jobs, this.jobsPerRoundTrip)) {
        const leftMs = from + answerTimeoutMs - performance.now();
        await withTimeLimit(this.#send(part), leftMs, silence);
        this.#confirmedAt = performance.now();
        this.refusal = undefined;
      }
    } catch (error) {
      const reason = failureReason(error);
      if (state !== this.#state) throw error;
      if (isSilent && this.#confirmedAt < from) this.#enter({ name: 'down', reason });
      void (isSilent ? this.check() : this.#refused(reason));
      throw error;
    }
  }

  /** Inserts jobs, which `what` names, in a transaction of the application. Uses no connection of ours. */
  insert(what: string, _transaction: Transaction, _jobs: readonly NewJob[]): Promise<void> {
    return Promise.reject(new TransactionsUnsupportedError(what, `BullMQ on ${this.kind}`));
  }

  /**
   * Probes the server now. Resolves with what it refuses, and with the reasons why it may lose what it accepts. Rejects
   * with the reason why it takes no tasks, which is an outage from then on, after `ms` at the latest.
   */
  async examine(ms: number): Promise<readonly string[]> {
    const found = await Promise.all([this.#probeOrOutage(ms), this.answered(this.findWeaknesses(), ms)]);
    return found.flat();
  }

  /** Does the work while no process does other work of that name. Redis does one thing at a time by itself. */
  exclusively<T>(_name: string, work: () => Promise<T>): Promise<T> {
    return work();
  }

  /** Settles as the answer of the server does, but rejects after `ms`. */
  answered<T>(answer: Promise<T>, ms = this.options.answerTimeoutMs): Promise<T> {
    return withTimeLimit(answer, ms, () => new Error(`it did not answer in ${ms} ms`));
  }

  async close(): Promise<void> {
    this.#enter({ name: 'closed', reason: 'the application has closed' });
    await endsWithin(this.queues.close(), CLOSE_MS);
    await this.disconnect();
  }

  protected get isClosed(): boolean {
    return this.#state.name === 'closed';
  }

  /** Probes the server until the link is `up`, or its state changes. To be called for each new connection. */
  protected async check(): Promise<void> {
    let state = this.#state;
    for (let waitMs = CHECK_AGAIN_MS; state === this.#state && !this.isClosed; waitMs = Math.min(waitMs * 2, 1_000)) {
      try {
        await this.#probe();
        if (state === this.#state && state.name !== 'up') this.#enter({ name: 'up' });
        return;
      } catch (error) {
        if (state !== this.#state) return;
        this.#enter({ name: 'down', reason: failureReason(error) });
        state = this.#state;
        await wait(waitMs);
      }
    }
  }

  /** Probes the server. It may be slow, and confirm jobs meanwhile: then it takes tasks. */
  async #probe(ms = this.options.answerTimeoutMs): Promise<readonly string[]> {
    const from = performance.now();
    try {
      const refused = await this.answered(this.tryToAdd(), ms);
      this.log.refused(refused);
      return refused;
    } catch (error) {
      if (this.#confirmedAt < from) throw error;
      return [`${this.kind} takes tasks, and is slow: ${failureReason(error)}.`];
    }
  }

  /** Probes the server. If that fails, it is an outage, and the server is probed until it is over. */
  async #probeOrOutage(ms?: number): Promise<readonly string[]> {
    const state = this.#state;
    try {
      return await this.#probe(ms);
    } catch (error) {
      if (state === this.#state) {
        this.#enter({ name: 'down', reason: failureReason(error) });
        void this.check();
      }
      throw error;
    }
  }

  /** Finds out whether the server refuses all tasks, or only some. */
  async #refused(reason: string): Promise<void> {
    const at = performance.now();
    try {
      await this.#probeOrOutage();
    } catch {
      return;
    }
    if (this.#confirmedAt < at) this.refusal = reason;
    this.log.refused([`${this.kind} refused a task: ${reason}.`]);
  }

  /** To be called when the connection is lost. */
  protected disconnected(reason: string): void {
    this.#enter({ name: 'down', reason });
  }

  /** Adds jobs of one queue, or those of one group. */
  async #send(jobs: readonly NewJob[]): Promise<void> {
    const { queue } = jobs[0]!;
    const keys = jobs.flatMap(({ key }) => key ?? []);
    if (keys.length > 0) await this.freeKeys(queue, keys);
    if (jobs[0]!.isParent) await addFlow(this.queues.flows, jobs);
    else await addJobs(this.queues.get(queue), jobs);
  }

  #enter(state: LinkState): void {
    if (this.isClosed) return;
    this.#state = state;
    this.outages.entered(state);
    this.#started();
  }
}

export type TaskQueue = Queue<unknown, unknown>;
export type TaskJob = Job<unknown, unknown>;
export type JobProcessor = Processor<unknown, unknown>;
export type JobWorkerOptions = Omit<WorkerOptions, 'connection' | 'prefix'>;

/** Milliseconds after the first check of a server that takes no tasks. They double after each, up to a second. */
const CHECK_AGAIN_MS = 100;

/** Milliseconds for the queue to close; a server that is gone never answers. */
const CLOSE_MS = 500;
