import type { JsonValue } from '../contracts/json.js';
import { TaskNotRecordedError } from '../errors.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import type { TaskDefinition } from '../tasks/define-task.js';
import { checkEnqueueOptions, type EnqueueOptions } from '../tasks/enqueue-options.js';
import { checkPayload, writePayload } from '../tasks/payload.js';
import { QueuedTask } from '../tasks/queued-task.js';
import { matches } from './matches.js';

/** A named task that was enqueued. */
export interface RecordedNamedTask {
  readonly definition: TaskDefinition;
  /** As its handler would be given it, before the schema. */
  readonly payload: JsonValue;
  readonly options: EnqueueOptions;
  /** The handle that the code under test received. */
  readonly task: BackgroundTask;
}

interface Recorded extends RecordedNamedTask {
  readonly task: QueuedTask;
}

/** Keeps named tasks instead of handing them over. */
export class RecordedNamedTasks {
  #recorded: Recorded[] = [];

  get all(): readonly Recorded[] {
    return this.#recorded;
  }

  /** @throws INVALID_PAYLOAD, INVALID_OPTION */
  record(definition: TaskDefinition, payload: unknown, checked: CheckedTaskOptions, given: EnqueueOptions): QueuedTask {
    const options = checkEnqueueOptions(given);
    const sent = JSON.parse(writePayload(definition.name, payload, Infinity)) as JsonValue;
    checkPayload(definition, sent);
    const call = { fn: () => undefined, target: undefined, args: [], name: definition.name };
    const owner = { cancel: (task: QueuedTask) => this.withdraw(task, 'cancelled') };
    const merged = { ...definition.options, ...checked, name: definition.name };
    const task = new QueuedTask(call, merged, false, 0, undefined, owner);
    this.#recorded.push({ definition, payload: sent, options, task });
    return task;
  }

  withdraw(task: QueuedTask, state: 'cancelled' | 'enqueued'): boolean {
    const left = this.#recorded.filter((recorded) => recorded.task !== task);
    if (left.length === this.#recorded.length) return false;
    this.#recorded = left;
    task.settle(state);
    return true;
  }

  /** @throws TASK_NOT_RECORDED */
  assertEnqueued(definition: TaskDefinition, args: readonly unknown[]): void {
    const isWanted = (recorded: RecordedNamedTask) =>
      recorded.definition === definition && (args.length === 0 || matches(args[0], recorded.payload));
    if (this.#recorded.some(isWanted)) return;
    throw new TaskNotRecordedError(
      definition.name,
      this.#recorded.map(({ task }) => task.name),
    );
  }
}
