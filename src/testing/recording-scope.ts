import { ModulesContainer } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TaskReport } from '../contracts/task-report.js';
import { TaskEngine } from '../execution/task-engine.js';
import { NamedTask } from '../named/named-task.js';
import { payloadToSend } from '../named/payload.js';
import { resolveModuleOptions } from '../options/module-options.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import { RequestScope } from '../scope/request-scope.js';
import { type EnqueueCall, RequestScopes } from '../scope/request-scopes.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { Caller } from '../tasks/stack-trace.js';
import type { TaskCall } from '../tasks/task-call.js';
import type { RecordedNamedTask, RecordedTask } from './recorded-task.js';

/** A scope as in an application with default options and a backend. It never ends, and records what is added. */
export class RecordingScope extends RequestScope {
  readonly #added = new Map<QueuedTask, RecordedTask>();
  readonly #enqueued = new Map<QueuedTask, RecordedNamedTask>();

  constructor() {
    const scopes = new RequestScopes(new TaskEngine(resolveModuleOptions({})), new ModulesContainer());
    super(scopes, { kind: 'http', description: 'the recorded request', request: undefined, canDelayResponse: false });
    scopes.createNamedTask = (call) => this.#createNamedTask(call);
  }

  /** The tasks that wait. */
  get added(): RecordedTask[] {
    return [...this.#added].filter(([task]) => task.state === 'waiting').map(([, recorded]) => recorded);
  }

  /** The named tasks that wait, or that the backend would have. */
  get enqueued(): RecordedNamedTask[] {
    const waiting = new Set(this.queue.waiting);
    const isKept = (task: QueuedTask) => task.state === 'enqueued' || waiting.has(task);
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

  /** Forgets everything. */
  clear(): void {
    for (const task of this.queue.waiting) task.cancel();
    this.#added.clear();
    this.#enqueued.clear();
  }

  #createNamedTask({ definition, payload, options, idempotencyKey, settings }: EnqueueCall): NamedTask {
    const sent = payloadToSend(definition, payload, resolveModuleOptions({}).maxPayloadBytes);
    const envelope = { v: 1, name: definition.name, id: randomUUID(), payload: sent, context: {} } as const;
    const parts = { queue: this.queue, envelope, idempotencyKey, settings, batch: definition.batch };
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
