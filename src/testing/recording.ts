import { resolveModuleOptions } from '../options/module-options.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { TaskDefinition } from '../tasks/define-task.js';
import type { CheckedEnqueueOptions } from '../tasks/enqueue-options.js';
import { checkPayload, copyPayload, payloadOf } from '../tasks/payload.js';
import { QueuedTask } from '../tasks/queued-task.js';
import type { TaskCall } from '../tasks/task-call.js';
import type { RecordedNamedTask, RecordedTask } from './recorded-task.js';

interface Entry {
  readonly task: QueuedTask;
  readonly added?: RecordedTask;
  readonly enqueued?: RecordedNamedTask;
}

/** What waits, in the order in which it would run: as in one request of an application without a backend. */
export class Recording {
  #entries: Entry[] = [];
  /** The tasks that were given an idempotency key. */
  readonly #sameWork = new Map<string, QueuedTask>();

  get added(): readonly RecordedTask[] {
    return this.#entries.flatMap(({ added }) => added ?? []);
  }

  get enqueued(): readonly RecordedNamedTask[] {
    return this.#entries.flatMap(({ enqueued }) => enqueued ?? []);
  }

  get waiting(): readonly QueuedTask[] {
    return this.#entries.map(({ task }) => task);
  }

  add(call: TaskCall, options: CheckedTaskOptions): QueuedTask {
    const { fn, target, args } = call;
    return this.#keep(call, options, (task) => ({
      added: { name: task.name, fn, args, options, task, ...(target && { target }) },
    }));
  }

  /** @throws INVALID_PAYLOAD */
  enqueue(
    definition: TaskDefinition,
    given: unknown,
    options: CheckedTaskOptions,
    enqueueOptions: CheckedEnqueueOptions,
  ): QueuedTask {
    const { name } = definition;
    const key = enqueueOptions.idempotencyKey === undefined ? undefined : `${name} ${enqueueOptions.idempotencyKey}`;
    const same = key === undefined ? undefined : this.#sameWork.get(key);
    if (same && !same.isSettled) return same;
    const payload = copyPayload(payloadOf(name), given, resolveModuleOptions({}).maxPayloadBytes);
    checkPayload(definition, payload);
    const call = { fn: () => undefined, target: undefined, args: [], name };
    const kept = this.#keep(call, { ...definition.options, ...options, name }, (task) => ({
      enqueued: { definition, payload, options, enqueueOptions, task },
    }));
    if (key !== undefined) this.#sameWork.set(key, kept);
    return kept;
  }

  /** Takes out what was added, for it to run. */
  takeAdded(): QueuedTask[] {
    const taken = this.#entries.filter(({ added }) => added);
    this.#entries = this.#entries.filter(({ added }) => !added);
    return taken.map(({ task }) => task);
  }

  #keep(call: TaskCall, options: CheckedTaskOptions, record: (task: QueuedTask) => Omit<Entry, 'task'>): QueuedTask {
    const name = options.name ?? call.name;
    const earlier = options.dedupe && this.waiting.find((task) => task.name === name);
    if (earlier && options.dedupe === 'keep-first') return earlier;
    if (earlier) this.#withdraw(earlier, 'discarded');
    const owner = { cancel: (waiting: QueuedTask) => this.#withdraw(waiting, 'cancelled') };
    const task = new QueuedTask(call, options, false, 0, undefined, owner);
    this.#entries.push({ task, ...record(task) });
    return task;
  }

  #withdraw(task: QueuedTask, state: 'cancelled' | 'discarded'): boolean {
    const index = this.#entries.findIndex((entry) => entry.task === task);
    if (index === -1) return false;
    this.#entries.splice(index, 1);
    task.settle(state);
    return true;
  }
}
