import type { Transaction } from '../contracts/transaction.js';
import { checkEnqueueOptions, type EnqueueOptions } from '../options/enqueue-options.js';
import { type CheckedTaskOptions, checkTaskOptions, noTaskOptions, type TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import type { Caller } from '../tasks/stack-trace.js';
import { checkArguments, readTaskCall } from '../tasks/task-call.js';
import type { BackgroundTaskGroup, GroupedTask, GroupOptions } from '../tasks/grouped-tasks.js';
import { assertDefinition, type TaskDefinition } from '../tasks/task-definition.js';
import { enqueueGroup } from './enqueue-group.js';
import type { RequestScope } from './request-scope.js';
import type { GivenCall } from './request-scopes.js';

/** The tasks of one scope, seen with one set of options. */
export class ScopedBackgroundTasks extends BackgroundTasks {
  readonly #scope: RequestScope;
  readonly #options: CheckedTaskOptions;

  constructor(scope: RequestScope, options: CheckedTaskOptions = noTaskOptions) {
    super();
    this.#scope = scope;
    this.#options = options;
  }

  override addTask(target: unknown, ...args: unknown[]): BackgroundTask {
    const call = readTaskCall(target, args);
    checkArguments(call);
    // oxlint-disable-next-line typescript/unbound-method -- named, not called
    return this.#scope.add(call, this.#options, this.addTask);
  }

  override enqueue<Input, Output>(
    definition: TaskDefinition<Input, Output>,
    payload: NoInfer<Input>,
    options?: EnqueueOptions,
  ): BackgroundTask {
    // oxlint-disable-next-line typescript/unbound-method -- named, not called
    return this.#scope.enqueue(this.#call(definition, payload, options, this.enqueue));
  }

  override async enqueueWithin<Input, Output>(
    transaction: Transaction,
    definition: TaskDefinition<Input, Output>,
    payload: NoInfer<Input>,
    options?: EnqueueOptions,
  ): Promise<BackgroundTask> {
    // oxlint-disable-next-line typescript/unbound-method -- named, not called
    return this.#scope.enqueueWithin(transaction, this.#call(definition, payload, options, this.enqueueWithin));
  }

  override enqueueGroup<Inputs extends readonly unknown[] | [], Input>(
    tasks: { readonly [Index in keyof Inputs]: GroupedTask<Inputs[Index]> },
    options: GroupOptions<Input>,
  ): BackgroundTaskGroup {
    // oxlint-disable-next-line typescript/unbound-method -- named, not called
    return enqueueGroup(this.#scope, tasks, options, { options: this.#options, caller: this.enqueueGroup });
  }

  override with(options: TaskOptions): BackgroundTasks {
    return new ScopedBackgroundTasks(this.#scope, Object.freeze({ ...this.#options, ...checkTaskOptions(options) }));
  }

  override get pending(): readonly BackgroundTask[] {
    return this.#scope.queue.waiting;
  }

  override cancel(name: string): boolean {
    const found = this.pending.filter((task) => task.name === name);
    for (const task of found) task.cancel();
    return found.length > 0;
  }

  #call(definition: TaskDefinition, payload: unknown, options: EnqueueOptions | undefined, caller: Caller): GivenCall {
    assertDefinition(definition);
    return { definition, payload, options: this.#options, ...checkEnqueueOptions(options), caller };
  }
}
