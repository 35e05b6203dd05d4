import {
  type BackendListener,
  type CancelAnswer,
  type EndedTask,
  type EnqueuedTask,
  type NamedTaskReport,
  type NamedTaskRunner,
  TaskBackend,
} from '../../src/backend/index.js';
import {
  type BackendHealth,
  type BackendSettings,
  BackendUnavailableError,
  InvalidOptionError,
  type Transaction,
} from '../../src/index.js';
import { type Fault, type Job, reportOf, type Storage, type StoredTransaction } from './storage.js';
import { backoffMs } from '../../src/execution/backoff.js';

/** A backend that keeps its contract, but for one fault. */
export class StoredBackend extends TaskBackend {
  override readonly takesGroups = true;
  #runner: NamedTaskRunner | undefined;
  #names: ReadonlySet<string> = new Set();
  #isPaused = false;
  #listener: BackendListener | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly storage: Storage,
    private readonly fault?: Fault,
  ) {
    super();
    storage.watchers.add(this);
  }

  #has(fault: Fault): boolean {
    return this.fault === fault;
  }

  override async accept(batch: readonly EnqueuedTask[]): Promise<void> {
    if (!this.#has('accepts in an outage')) this.#assertThere();
    if (this.#has('refuses tasks after pause()') && this.#isPaused) throw new Error('paused');
    await Promise.resolve();
    for (const [index, task] of batch.entries()) {
      if (this.#has('drops a task of a batch') && index === 12) continue;
      if (this.#has('leaves tasks to this process too late') && index === 12) {
        setImmediate(() => task.runHere());
        continue;
      }
      if (!this.#isKnown(task)) this.#store(task);
      if (this.#has('runs a task of a batch twice') && index === 12) this.#store(task);
    }
    for (const each of this.storage.watchers) each.changed();
  }

  override async acceptWithin(transaction: Transaction, batch: readonly EnqueuedTask[]): Promise<void> {
    const given = transaction as StoredTransaction;
    const store = () => {
      for (const task of batch) if (!this.#find(task.envelope.id)) this.#store(task);
      this.changed();
    };
    given.ended.push((isCommitted) => (isCommitted || this.#has('runs what rolls back')) && store());
    if (this.#has('runs what is not committed')) setTimeout(() => given.isOver || store(), 5);
  }

  #store(task: EnqueuedTask): void {
    const { captured: _lost, ...context } = task.envelope.context;
    const envelope = this.#has('loses the context') ? { ...task.envelope, context } : task.envelope;
    const stored = { ...task, envelope: structuredClone(envelope) };
    const job: Job = { task: stored, owner: this, attempts: 0, notBefore: 0, isOverdue: false, state: 'waiting' };
    this.storage.jobs.push(job);
    if (!this.#has('waits for a group for a while')) return;
    setTimeout(() => {
      job.isOverdue = true;
      this.changed();
    }, 20);
  }

  #isKnown({ idempotencyKey: key, envelope: { name } }: EnqueuedTask): boolean {
    if (key === undefined || this.#has('ignores idempotency keys')) return false;
    const isOfName = (task: EnqueuedTask) => task.envelope.name === name || this.#has('ignores the name of a key');
    return this.storage.jobs.some(({ task }) => task.idempotencyKey === key && isOfName(task));
  }

  override checkSettings(path: string, settings: BackendSettings): void {
    if (this.#has('refuses no settings')) return;
    if (Object.keys(settings).length > 0 || this.#has('refuses all settings')) {
      throw new InvalidOptionError(path, settings, 'Give none.');
    }
  }

  override assertReady(): void {
    if (!this.#has('is ready in an outage')) this.#assertThere();
  }

  #assertThere(): void {
    if (this.storage.isLost) throw new BackendUnavailableError('Tasks', 'the storage is away');
  }

  override watch(listener: BackendListener): void {
    this.#listener = listener;
  }

  override health(): BackendHealth {
    const { wasLost } = this.storage;
    const isDown =
      (this.#has('is down until its first outage') && !wasLost) ||
      (this.storage.isLost && !this.#has('is up in an outage'));
    return { status: isDown ? 'down' : 'up', reasons: [] };
  }

  override start(runner: NamedTaskRunner): void {
    this.#runner = runner;
    this.#names = new Set(runner.names);
    const { jobs, wasLost } = this.storage;
    if (this.#has('loses what comes before start()') && jobs[0]?.owner === this && jobs.length === 1 && !wasLost) {
      jobs.length = 0;
    }
    this.changed();
  }

  override handlersLoaded(): void {
    if (!this.#has('ignores handlersLoaded()')) this.#names = new Set(this.#runner!.names);
    this.changed();
  }

  override pause(): void {
    this.#isPaused = true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.storage.watchers.delete(this);
  }

  override async findTask(id: string): Promise<NamedTaskReport | undefined> {
    const job = this.#find(id);
    if (!job && this.#has('finds what nobody enqueued')) return reportOf(this.storage.jobs[0], id);
    if (job && !job.endedAt && this.#has('finds only what has ended')) return undefined;
    if (!job) return undefined;
    const { result, error, ...report } = reportOf(job, id);
    return {
      ...report,
      ...(result !== undefined && !this.#has('keeps no results') && { result }),
      ...(error && !this.#has('keeps no errors') && { error }),
    };
  }

  override async cancelTask(id: string): Promise<CancelAnswer> {
    const job = this.#find(id);
    if (!job) return this.#has('cancels what nobody enqueued') ? 'removed' : 'unknown';
    if (job.endedAt !== undefined) return this.#has('removes what has ended') ? 'removed' : 'too-late';
    if (job.state === 'running') {
      if (!this.#has('never tells the runner to cancel')) setImmediate(() => job.runner?.cancel(id));
      return 'requested';
    }
    if (!this.#has('runs what was cancelled')) this.#end(job, 'cancelled');
    return 'removed';
  }

  #find(id: string): Job | undefined {
    return this.storage.jobs.find(({ task }) => task.envelope.id === id);
  }

  /** Called when there may be more to run, and when the storage goes and comes. */
  changed(): void {
    if (this.storage.isLost) {
      if (this.#has('forgets in an outage')) this.storage.jobs.length = 0;
      if (!this.#has('hides an outage')) this.#listener?.lost('the storage is away');
      return;
    }
    if (!this.#has('hides an outage')) this.#listener?.back();
    if (!this.#runner || (this.#isPaused && !this.#has('starts tasks after pause()'))) return;
    const due = this.storage.jobs.filter((job) => job.state === 'waiting' && job.notBefore <= performance.now());
    for (const job of due) if (this.#takes(job)) void this.#run(job);
    const next = Math.min(...this.storage.jobs.filter(isAhead).map(({ notBefore }) => notBefore - performance.now()));
    clearTimeout(this.#timer);
    if (Number.isFinite(next)) this.#timer = setTimeout(() => this.changed(), Math.max(next, 0) + 1);
  }

  #takes(job: Job): boolean {
    const { name, context } = job.task.envelope;
    if (this.#has('keeps tasks for itself until it starts') && !(job.owner as StoredBackend).#runner) return false;
    if (job.boundTo && job.boundTo !== this) return false;
    if (!this.#names.has(name)) {
      if (this.#has('keeps unknown names for itself')) job.boundTo = this;
      return false;
    }
    return !context.group || job.isOverdue || context.group.every(({ id }) => this.#find(id)?.endedAt !== undefined);
  }

  async #run(job: Job): Promise<void> {
    const runner = this.#runner!;
    const { envelope, retry } = job.task;
    job.state = 'running';
    job.runner = runner;
    const number = ++job.attempts;
    const most = Math.max(retry?.attempts ?? 1, this.#has('retries what has one attempt') ? 2 : 1);
    const willRetry = () => number < most;
    const { report, result, interruptedByShutdown } = await runner.run(envelope, {
      number: this.#has('counts attempts from 1 again') ? 1 : number,
      progressed: (value) => (job.progress = value as number),
      ...(!this.#has('tells no willRetry()') && { willRetry }),
      ...(envelope.context.group && !this.#has('forgets how a group ended') && { group: this.#ends(envelope) }),
    });
    if (interruptedByShutdown && !this.#has('fails what the shutdown interrupted')) {
      if (!this.#has('counts what the shutdown interrupted')) job.attempts--;
      job.state = 'waiting';
    } else if (report.state !== 'succeeded' && report.state !== 'cancelled' && willRetry()) {
      job.state = 'waiting';
      job.notBefore = performance.now() + (this.#has('retries at once') ? 0 : backoffMs(number, retry!));
    } else {
      Object.assign(job, { report, result });
      this.#end(job, report.state === 'succeeded' || report.state === 'cancelled' ? report.state : 'failed');
    }
    for (const each of this.storage.watchers) each.changed();
  }

  #ends({ context }: EnqueuedTask['envelope']): EndedTask[] {
    return context.group!.map(({ id, name }) => {
      const { state, result, error } = reportOf(this.#find(id), id);
      return {
        id,
        name,
        state: state as EndedTask['state'],
        ...(result !== undefined && { result }),
        ...(error && { error }),
      };
    });
  }

  #end(job: Job, state: Job['state']): void {
    job.state = state;
    job.endedAt = Date.now();
  }
}

function isAhead({ state, notBefore }: Job): boolean {
  return state === 'waiting' && notBefore > 0;
}
