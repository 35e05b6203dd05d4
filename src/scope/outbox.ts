import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TerminalTaskState } from '../contracts/task-report.js';
import type { TaskQueue } from '../execution/task-queue.js';
import { unwantedTasks } from '../execution/wanted.js';
import { BackendUnavailableError } from '../errors/named-task-errors.js';
import { type CheckedTaskOptions, noTaskOptions } from '../options/task-options.js';
import type { TaskDefinition } from '../tasks/define-task.js';
import type { CheckedEnqueueOptions } from '../tasks/enqueue-options.js';
import type { QueuedTask, TaskCarrier } from '../tasks/queued-task.js';
import type { EnqueuedTask, TaskBackend } from '../tasks/task-backend.js';
import type { TaskCall } from '../tasks/task-call.js';
import type { ScopeEnvironment } from './scope-environment.js';
import type { ScopeOrigin } from './scope-origin.js';
import type { Caller } from './scoped-background-tasks.js';

interface Held {
  readonly queued: QueuedTask;
  readonly enqueued: EnqueuedTask;
  /** The task that enqueued it: it goes when that has succeeded. */
  readonly enqueuer: QueuedTask | undefined;
  /** What it may run but once for, where this process looks after that. */
  readonly key: string | undefined;
}

/** The scope that an outbox belongs to. */
export interface OutboxOwner {
  readonly queue: TaskQueue;
  add(call: TaskCall, options: CheckedTaskOptions, caller: Caller, carrier: TaskCarrier): QueuedTask;
  makeTask(call: TaskCall, options: CheckedTaskOptions, caller: Caller, carrier: TaskCarrier): QueuedTask;
  /** @throws QUEUE_FULL */
  seat(task: QueuedTask): void;
}

/** The named tasks of one request that have not been handed over yet. */
export class Outbox {
  #held: Held[] = [];
  #sending: Promise<unknown> | undefined;
  /** The tasks that have an idempotency key, where this process looks after it. */
  readonly #keyed = new Map<string, QueuedTask>();
  /** How the request ended, once that is known. */
  #outcome: TaskOutcome | undefined;

  constructor(
    private readonly environment: ScopeEnvironment,
    private readonly origin: ScopeOrigin,
    private readonly owner: OutboxOwner,
  ) {}

  get waiting(): QueuedTask[] {
    return this.#held.map(({ queued }) => queued);
  }

  /** Whether something is to be handed over before the response. */
  get isDue(): boolean {
    return this.#held.some((held) => this.#isReady(held));
  }

  /** What is being handed over now. */
  get sending(): Promise<unknown> | undefined {
    return this.#sending;
  }

  enqueue(
    definition: TaskDefinition,
    payload: unknown,
    options: CheckedTaskOptions,
    enqueueOptions: CheckedEnqueueOptions,
    caller: Caller,
  ): QueuedTask {
    const { engine, named } = this.environment;
    const key = named.backend ? undefined : keyOf(definition.name, enqueueOptions.idempotencyKey);
    const same = key === undefined ? undefined : this.#keyed.get(key);
    if (same && !same.isSettled) return same;
    const merged =
      options === noTaskOptions ? definition.options : { ...definition.options, ...options, name: definition.name };
    const enqueued = named.prepare(definition, payload, merged, enqueueOptions, this.origin);
    const call = named.callOf(enqueued);
    const carrier = { id: enqueued.envelope.id, earlierAttempts: 0, progressed: () => undefined };
    const { enqueuer } = this.owner.queue;
    // In this process it takes its turn, unless it depends on how the task ends that enqueues it.
    if (!named.backend && !enqueuer) {
      const added = this.owner.add(call, merged, caller, carrier);
      if (key !== undefined) this.#keep(key, added);
      return added;
    }
    // What depends on how another task ends is no match: one of the two may come to nothing.
    const isRival = (held: Held) => held.queued.name === merged.name && held.enqueuer === enqueuer;
    const earlier = merged.dedupe && this.#held.find(isRival)?.queued;
    if (earlier && merged.dedupe === 'keep-first') return earlier;
    const queued = this.owner.makeTask(call, merged, caller, carrier);
    this.owner.seat(queued);
    if (earlier) this.withdraw(earlier, 'discarded');
    engine.inFlight.accept(queued);
    this.#held.push({ queued, enqueued, enqueuer, key });
    if (key !== undefined) this.#keyed.set(key, queued);
    return queued;
  }

  /** Takes a task out and ends it. Returns whether it was there. */
  withdraw(task: QueuedTask, state: TerminalTaskState): boolean {
    const index = this.#held.findIndex(({ queued }) => queued === task);
    if (index === -1) return false;
    this.#held.splice(index, 1);
    this.owner.queue.end(task, state);
    return true;
  }

  /** Discards what was not meant for this outcome. */
  decide(outcome: TaskOutcome): void {
    const { log } = this.environment.engine;
    this.#outcome = outcome;
    this.#discardUnwanted(outcome);
    const held = new Set(this.waiting);
    const lined = [...this.#keyed].filter(([, task]) => task.state === 'waiting' && !held.has(task));
    const unwanted = unwantedTasks(
      lined.map(([, task]) => task),
      outcome,
      log,
    );
    for (const [key, task] of lined) {
      if (unwanted.includes(task) || !this.environment.named.claim(task, key))
        this.owner.queue.withdraw(task, 'discarded');
    }
  }

  /** A task has ended, which may have enqueued others. */
  ended(task: QueuedTask): void {
    const enqueued = this.#held.filter(({ enqueuer }) => enqueuer === task).map(({ queued }) => queued);
    if (enqueued.length === 0) return;
    if (task.state === 'succeeded') {
      if (this.environment.named.backend) this.handOver()?.catch(() => undefined);
      return;
    }
    this.environment.engine.log.discarded(enqueued, `Task "${task.name}" did not succeed`);
    for (const each of enqueued) this.withdraw(each, 'discarded');
  }

  /**
   * Hands over, in one batch, what waits for no task to succeed. Rejects, once those tasks have
   * failed, with what the backend threw; `undefined` if there is nothing to wait for.
   */
  handOver(): Promise<void> | undefined {
    if (this.#outcome) this.#discardUnwanted(this.#outcome);
    const [ready, left] = [[] as Held[], [] as Held[]];
    for (const held of this.#held) (this.#isReady(held) ? ready : left).push(held);
    if (ready.length === 0) return undefined;
    this.#held = left;
    const { backend } = this.environment.named;
    if (backend) return this.#send(backend, ready);
    for (const { queued, key } of ready) this.#runHere(queued, key);
    return undefined;
  }

  /** At the shutdown deadline. */
  abandon(): void {
    for (const task of this.waiting) this.withdraw(task, 'abandoned');
  }

  /** A key is not taken before it is known that the task runs: the request may yet fail, and the same work of another not. */
  #keep(key: string, task: QueuedTask): void {
    this.#keyed.set(key, task);
    if (this.#outcome && !this.environment.named.claim(task, key)) this.owner.queue.withdraw(task, 'discarded');
  }

  /** Lines up a task that has waited here, unless another one of its key runs. */
  #runHere(task: QueuedTask, key: string | undefined): void {
    if (key === undefined || this.#takeKey(key, task)) this.owner.queue.join(task);
    else this.owner.queue.end(task, 'discarded');
  }

  #takeKey(key: string, task: QueuedTask): boolean {
    if (this.#outcome) return this.environment.named.claim(task, key);
    // As long as the outcome is open it counts in this request only, as in #keep.
    const same = this.#keyed.get(key);
    if (same && !same.isSettled) return false;
    this.#keyed.set(key, task);
    return true;
  }

  /** One that is meant for a failure only does not go before the response of a success. */
  #isReady({ enqueuer, queued }: Held): boolean {
    if (enqueuer) return enqueuer.state === 'succeeded';
    return this.#outcome !== undefined || queued.options.runOn !== 'failure';
  }

  #discardUnwanted(outcome: TaskOutcome): void {
    for (const task of unwantedTasks(this.waiting, outcome, this.environment.engine.log))
      this.withdraw(task, 'discarded');
  }

  #send(backend: TaskBackend, batch: readonly Held[]): Promise<void> {
    const sent = (async () => {
      const endAll = (state: TerminalTaskState, error?: unknown) => {
        for (const { queued } of batch) this.owner.queue.end(queued, state, error);
      };
      try {
        await backend.accept(batch.map(({ enqueued }) => enqueued));
      } catch (error) {
        const { isPastDeadline, log } = this.environment.engine;
        if (backend.runsHereInstead && error instanceof BackendUnavailableError && !isPastDeadline) {
          log.runHere(batch.map(({ queued }) => queued));
          for (const { queued, enqueued } of batch) this.#runHere(queued, keyOf(queued.name, enqueued.idempotencyKey));
          return;
        }
        endAll('failed', error);
        throw error;
      }
      endAll('enqueued');
    })();
    const sending = Promise.allSettled([this.#sending, sent]).then(() => {
      if (this.#sending === sending) this.#sending = undefined;
    });
    this.#sending = sending;
    return sent;
  }
}

function keyOf(name: string, idempotencyKey: string | undefined): string | undefined {
  return idempotencyKey === undefined ? undefined : `${name} ${idempotencyKey}`;
}
