import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { EndedTask } from '../contracts/ended-task.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TaskReport } from '../contracts/task-report.js';
import { TaskEngine } from '../execution/task-engine.js';
import { NamedTask } from '../named/named-task.js';
import { payloadToSend } from '../named/payload.js';
import { TaskGroup } from '../named/task-group.js';
import { newTaskId } from '../named/task-id.js';
import { resolveModuleOptions } from '../options/module-options.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import { RequestScope } from '../scope/request-scope.js';
import { type EnqueueCall, RequestScopes } from '../scope/request-scopes.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { Caller } from '../tasks/stack-trace.js';
import type { TaskCall } from '../tasks/task-call.js';
import type { RecordedNamedTask, RecordedTask } from './recorded-task.js';
import { RecordedWorker } from './recorded-worker.js';

/** A scope as in an application with default options and a backend. It never ends, and records what is added. */
export class RecordingScope extends RequestScope {
  readonly #added = new Map<QueuedTask, RecordedTask>();
  readonly #enqueued = new Map<NamedTask, RecordedNamedTask>();
  /** The ends of the named tasks that have run. */
  readonly #ends = new Map<string, EndedTask>();

  constructor() {
    const scopes = new RequestScopes(new TaskEngine(resolveModuleOptions({})), new ModulesContainer());
    super(scopes, { kind: 'http', description: 'the recorded request', request: undefined, canDelayResponse: false });
    scopes.createNamedTask = (call) => this.#createNamedTask(call);
  }

  /** The tasks that wait. */
  get added(): RecordedTask[] {
    return [...this.#added].filter(([task]) => task.state === 'waiting').map(([, recorded]) => recorded);
  }

  /** The named tasks that wait, or that the backend would have, without those that have run. */
  get enqueued(): RecordedNamedTask[] {
    const waiting = new Set<QueuedTask>(this.queue.waiting);
    const isKept = (task: NamedTask) => (task.state === 'enqueued' && !this.#ends.has(task.id)) || waiting.has(task);
    return [...this.#enqueued].filter(([task]) => isKept(task)).map(([, recorded]) => recorded);
  }

  override add(call: TaskCall, options: CheckedTaskOptions, caller: Caller): QueuedTask {
    const { fn, target, args } = call;
    const task = super.add(call, options, caller);
    if (!this.#added.has(task)) {
      this.#added.set(task, { name: task.name, fn, args, options, task, ...(target && { target }) });
    }
    return task;
  }

  /**
   * Runs the tasks that wait, and what they add. Resolves with their reports, in the order in which they were added.
   */
  async run(outcome: TaskOutcome): Promise<TaskReport[]> {
    const ended = new Set([...this.#added.keys()].filter(({ isSettled }) => isSettled));
    await new Promise<void>((resolve) => this.queue.drain(outcome, resolve));
    return [...this.#added.keys()].filter((task) => !ended.has(task)).map((task) => task.report());
  }

  /**
   * Does the same, and has the handlers of an application run the named tasks. What a handler adds runs after it.
   *
   * @throws NOT_REGISTERED, UNKNOWN_TASK
   */
  async runIn(app: INestApplicationContext, outcome: TaskOutcome): Promise<TaskReport[]> {
    const worker = new RecordedWorker(app, this.#ends, (id) =>
      [...this.#enqueued.keys()].some((task) => task.id === id && task.state === 'cancelled'),
    );
    worker.check([...this.#enqueued.keys()]);
    const reports = await this.run(outcome);
    for (let due = this.#due; due.length > 0; due = this.#due) {
      worker.check(due);
      await worker.runFirst(due, async (ended) => void reports.push(...(await this.run(ended))));
    }
    return [...reports, ...worker.reports.values()];
  }

  /** The named tasks that a backend would have by now. */
  get #due(): NamedTask[] {
    return [...this.#enqueued.keys()].filter(({ state, id }) => state === 'enqueued' && !this.#ends.has(id));
  }

  /** Forgets everything. */
  clear(): void {
    for (const task of this.queue.waiting) task.cancel();
    this.#added.clear();
    this.#enqueued.clear();
    this.#ends.clear();
  }

  #createNamedTask(call: EnqueueCall): NamedTask {
    const { definition, payload, options, idempotencyKey, settings } = call;
    const sent = payloadToSend(definition, payload, resolveModuleOptions({}).maxPayloadBytes);
    const { name, batch } = definition;
    const { timeoutMs } = options;
    const group = call.group?.members && new TaskGroup(call.group.members as readonly NamedTask[]);
    const context = { ...(timeoutMs !== undefined && { timeoutMs }), ...(group && { group: group.members }) };
    const envelope = { v: 1, name, id: newTaskId(name, idempotencyKey), payload: sent, context } as const;
    const isGrouped = call.group !== undefined;
    const parts = { queue: this.queue, envelope, idempotencyKey, settings, batch, isGrouped, group };
    const task = new NamedTask(() => undefined, options, this, parts);
    const { name: _definitions, ...own } = options;
    this.#enqueued.set(task, {
      definition,
      payload: sent,
      options: own,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      settings,
      task,
    });
    return task;
  }
}
