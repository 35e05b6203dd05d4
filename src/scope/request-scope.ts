import type { ObservedScope } from '../contracts/task-events.js';
import type { Transaction } from '../contracts/transaction.js';
import type { CompiledResource } from '../disposal/compiled-resource.js';
import { Disposables, type Failure } from '../disposal/disposables.js';
import type { Rank } from '../disposal/disposal-plan.js';
import { ScopeClosedError, ShuttingDownError } from '../errors/errors.js';
import { findByKey, findByName } from '../execution/dedupe.js';
import { handOverWithin, insertWithin } from '../execution/hand-over.js';
import type { QueueLimits } from '../execution/task-engine.js';
import { TaskQueue } from '../execution/task-queue.js';
import type { ListMember } from '../execution/unordered-list.js';
import type { InstanceRecord } from '../nest/instances.js';
import { type CheckedTaskOptions, mergeTaskOptions } from '../options/task-options.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { QueuedTask, type TaskOrigin } from '../tasks/queued-task.js';
import { type Caller, captureCallSite } from '../tasks/stack-trace.js';
import type { TaskCall } from '../tasks/task-call.js';
import { admit } from './admission.js';
import { outcomeOf, SUCCESS } from './outcome.js';
import type { GivenCall, RequestScopes } from './request-scopes.js';
import { ScopeEvents } from './scope-events.js';
import { isUnitOfWork, type ScopeOrigin } from './scope-source.js';
import { ScopedBackgroundTasks } from './scoped-background-tasks.js';

/**
 * The life of one request or unit of work, and its tasks and resources.
 *
 * - **open**: the handler runs, tasks and resources are collected. `beforeResponse()` or `fail()` is called
 *   when the handler has a result or an error, and may be followed by the other.
 * - **ending**, from `end()` on, when the handler has settled and the response is over: the tasks run, then
 *   the disposers. A disposer that adds tasks, and a task that acquires a resource, make another round.
 * - **closed**: nothing is left. What comes now is refused with SCOPE_CLOSED.
 */
export class RequestScope implements ListMember, TaskOrigin {
  listIndex = -1;
  readonly queue: TaskQueue;
  #disposables: Disposables | undefined;
  #onClosed: (() => void)[] | undefined;
  #phase: 'open' | 'ending' | 'closed' = 'open';
  #tasks: BackgroundTasks | undefined;
  #failure: Failure | undefined;
  /** Settles, and never rejects, when the response need not wait any longer. */
  #exiting: Promise<unknown> | undefined;
  #outcome = SUCCESS;
  /** Made when something is told for the first time. */
  #events: ScopeEvents | undefined;

  constructor(
    private readonly scopes: RequestScopes,
    readonly origin: ScopeOrigin,
    limits?: QueueLimits,
  ) {
    this.queue = new TaskQueue(scopes.engine, this, limits);
    if (scopes.engine.events.scopeOpened.isHeard) this.#told.opened();
  }

  get tasks(): BackgroundTasks {
    return (this.#tasks ??= new ScopedBackgroundTasks(this));
  }

  /** Whether the function given to `TaskScopes.run()` still runs. */
  get isUnitRunning(): boolean {
    return this.#phase === 'open' && isUnitOfWork(this.origin);
  }

  get observed(): ObservedScope {
    return this.#told.observed;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  get chainLength(): number {
    return this.queue.chainLength;
  }

  /** Whether something must precede the answer: resources exit, or named tasks are handed over. */
  get holdsAnswer(): boolean {
    return this.#disposables?.hasBeforeResponse === true || this.queue.due.length > 0;
  }

  /** The resources and instances to give back; absent if there are none. */
  get disposables(): Disposables | undefined {
    return this.#disposables;
  }

  add(call: TaskCall, options: CheckedTaskOptions, caller: Caller): QueuedTask {
    const name = options.name ?? call.name;
    this.#assertTakes(name);
    this.#disposables?.assertLastsFor(name, call);
    const kept = options.dedupe === 'keep-first' ? findByName(this.queue, name, options) : undefined;
    return kept ?? this.admit(new QueuedTask(call, options, this, this.#stackTrace(caller)));
  }

  enqueue(given: GivenCall): QueuedTask {
    const follows = this.queue.current;
    const task = Object.assign(this.create(given), { follows });
    const same = findByKey(this.queue, task);
    if (same) return same;
    const kept = task.options.dedupe === 'keep-first' && findByName(this.queue, task.name, task.options, follows);
    if (!kept) return this.admit(task);
    kept.idempotencyKey ??= task.idempotencyKey;
    return kept;
  }

  enqueueWithin(transaction: Transaction, given: GivenCall): Promise<QueuedTask> {
    return insertWithin(transaction, this.queue, this.create(given, true));
  }

  cancel(task: QueuedTask): boolean {
    return this.queue.cancel(task);
  }

  acquire(resource: CompiledResource, dependencies: readonly unknown[]): unknown {
    if (this.#phase === 'closed') throw new ScopeClosedError(`Resource ${resource.definition.name}`);
    return this.#toDispose.acquire(resource, dependencies);
  }

  trackInstance(record: InstanceRecord, rank: Rank): void {
    if (this.#phase === 'closed') throw new ScopeClosedError(`An instance of ${rank.name}`);
    this.#toDispose.trackInstance(record, rank);
  }

  /**
   * Called when the handler has its result and before a byte of it is sent. Returns what the
   * response has to wait for, if anything; it rejects with what a resource's exit or the backend threw.
   */
  beforeResponse(): Promise<void> | undefined {
    if (this.scopes.engine.events.handlerEnded.isHeard) this.#told.handlerEnded(this.#failure);
    if (this.#failure || this.#phase !== 'open') return undefined;
    const needsPermits = this.queue.needsPermits && this.origin.canDelayResponse;
    const exits = needsPermits || this.#disposables?.hasBeforeResponse;
    const exiting = exits ? this.#exitBeforeResponse(needsPermits) : this.#handOver();
    return exiting && this.#waitFor(exiting);
  }

  /** Takes note of what the handler threw. Tasks added from now on know of it. */
  markFailed(error: unknown): void {
    this.#failure ??= { error };
    if (this.scopes.engine.events.handlerEnded.isHeard) this.#told.handlerEnded(this.#failure);
  }

  /**
   * Called with what the handler threw, before the filters answer it. Returns what the answer has
   * to wait for, if anything; it resolves with the error to answer.
   */
  fail(error: unknown): Promise<Failure> | undefined {
    this.markFailed(error);
    return this.#disposables?.hasBeforeResponse ? this.#waitFor(this.#failBeforeResponse(error)) : undefined;
  }

  /** Called when the response is over, and perhaps again. The handler may go on. */
  responseClosed(aborted: boolean, statusCode?: number): void {
    if (this.scopes.engine.events.responseClosed.isHeard) this.#told.responseClosed(aborted, statusCode);
  }

  /** Called once the handler has settled and the response is over: runs the tasks, then disposes. */
  end(aborted: boolean, statusCode?: number): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ending';
    this.responseClosed(aborted, statusCode);
    this.#endOnceExited(aborted, statusCode);
  }

  /** Calls back once the scope has closed; at once if it has. */
  onClosed(callback: () => void): void {
    if (this.#phase === 'closed') callback();
    else (this.#onClosed ??= []).push(callback);
  }

  get #told(): ScopeEvents {
    return (this.#events ??= new ScopeEvents(this.scopes.engine.events, this.origin));
  }

  get #toDispose(): Disposables {
    return (this.#disposables ??= new Disposables(this.scopes.engine, this));
  }

  /** Makes a named task, which is in no queue yet. */
  create({ options: given, caller, ...rest }: GivenCall, isWithin = false): QueuedTask {
    this.#assertTakes(rest.definition.name);
    const options = mergeTaskOptions(rest.definition.options, given, rest.group !== undefined);
    return this.scopes.createNamedTask({ ...rest, options, stackTrace: this.#stackTrace(caller), isWithin }, this);
  }

  admit(task: QueuedTask): QueuedTask {
    return admit(task, this.queue, this.#phase === 'open' && this.origin.canDelayResponse);
  }

  #stackTrace(caller: Caller): Error | undefined {
    return this.scopes.engine.options.captureStackTraces ? captureCallSite(caller) : undefined;
  }

  #assertTakes(task: string): void {
    if (this.scopes.isShutDown) throw new ShuttingDownError(`Task "${task}"`);
    if (this.#phase === 'closed') throw new ScopeClosedError(`Task "${task}"`);
  }

  async #exitBeforeResponse(needsPermits: boolean): Promise<void> {
    if (!this.origin.hasClientLeft) this.scopes.engine.checkHandOver(this.queue.due);
    await this.#disposables?.exitBeforeResponse(this.#outcome, (transaction, commit) =>
      handOverWithin(transaction, this.queue, commit, this.origin.hasClientLeft === true),
    );
    if (needsPermits) await this.queue.acquirePermits();
    // Last: another process must not run a task before the data of the request is committed.
    await this.#handOver();
  }

  /** Hands over what is due, unless the client has left: then that is decided with the outcome, for `onAbort`. */
  #handOver(): Promise<void> | undefined {
    return this.origin.hasClientLeft ? undefined : this.queue.handOver();
  }

  async #failBeforeResponse(error: unknown): Promise<Failure> {
    return (this.#failure = await this.#disposables!.failBeforeResponse({ error }));
  }

  #waitFor<T>(exiting: Promise<T>): Promise<T> {
    this.#exiting = exiting.catch(() => undefined);
    return exiting;
  }

  #endOnceExited(aborted: boolean, statusCode: number | undefined, waitedFor?: Promise<unknown>): void {
    const exiting = this.#exiting;
    // A failed exit makes the other resources exit with its error, and the scope waits for them, too.
    if (exiting !== waitedFor) return void exiting!.then(() => this.#endOnceExited(aborted, statusCode, exiting));
    this.#outcome = outcomeOf(this.#failure, aborted, statusCode);
    this.#drain();
  }

  #drain(): void {
    this.queue.drain(this.#outcome, () => this.#dispose());
  }

  #dispose(): void {
    if (!this.#disposables || this.#disposables.isEmpty) return this.#close();
    void this.#disposables.disposeAll(this.#outcome).then(() => this.#drain());
  }

  #close(): void {
    this.#phase = 'closed';
    // Nest's own tables keep the request, and so the scope, alive for two more garbage collections.
    this.#disposables = undefined;
    if (this.scopes.engine.events.scopeClosed.isHeard) this.#told.closed(this.#outcome);
    this.origin.scopeClosed?.();
    this.scopes.closed(this);
    this.#onClosed?.forEach((callback) => callback());
  }
}
