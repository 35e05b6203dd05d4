import { InvalidOptionError } from '../errors/errors.js';
import { checkAll, readOption, type Check } from '../options/checks.js';
import { checkEnqueueOptions, type CheckedEnqueueOptions } from '../options/enqueue-options.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { assertDefinition, type TaskDefinition } from '../tasks/task-definition.js';
import type { BackgroundTaskGroup } from '../tasks/grouped-tasks.js';
import type { RequestScope } from './request-scope.js';
import type { GivenCall } from './request-scopes.js';

/**
 * Enqueues tasks, and one that runs when all of them have ended. Either all are in the queue afterwards, or none.
 *
 * @throws INVALID_OPTION, and what `enqueue()` throws
 */
export function enqueueGroup(
  scope: RequestScope,
  tasks: unknown,
  options: unknown,
  given: GivenWith,
): BackgroundTaskGroup {
  const calls = readTasks(tasks).map(({ definition, ...rest }) => callOf(definition, rest, given));
  const { then, ...rest } = checkAll<GivenLast>('enqueueGroup', options, lastRules, ['then']);
  if (then.batch) {
    const fix = 'Give a definition without "batch": the task runs alone, when the others have ended.';
    throw new InvalidOptionError('enqueueGroup.then', then.name, fix);
  }
  const lastCall = callOf(then, rest, given);
  const follows = scope.queue.current;
  const members = calls.map((call) => scope.create({ ...call, group: {} }));
  const last = scope.create({ ...lastCall, group: { members } });
  admitAll(scope, [...members, last], follows);
  return { tasks: members, last };
}

/** Adds all or none. A queue that drains hands over what is added at once: it has to wait for the last one. */
function admitAll(scope: RequestScope, tasks: readonly QueuedTask[], follows: QueuedTask | undefined): void {
  const added: QueuedTask[] = [];
  try {
    for (const task of tasks) {
      added.push(scope.admit(Object.assign(task, { follows, stage: 'before-the-others' as const })));
    }
  } catch (error) {
    for (const task of added) task.cancel();
    throw error;
  }
  for (const task of tasks) task.stage = 'before-hand-over';
  scope.queue.startNext();
}

/** One of the tasks, as it was given. */
interface GivenTask {
  readonly definition: TaskDefinition;
  readonly payload?: unknown;
  readonly options?: CheckedEnqueueOptions;
}

/** The last one. */
interface GivenLast extends Omit<GivenTask, 'definition'> {
  readonly then: TaskDefinition;
}

const definition: Check<TaskDefinition> = (option, value) => {
  assertDefinition(value, option);
  return value;
};

/** A key would have to be that of the whole, and a backend knows keys of single tasks. */
const settings: Check<CheckedEnqueueOptions> = (option, value) => {
  const checked = checkEnqueueOptions(value as object, option);
  if (checked.idempotencyKey === undefined) return checked;
  const fix = 'Leave it out, and enqueue the group in the handler of a task that has the key.';
  throw new InvalidOptionError(`${option}.idempotencyKey`, checked.idempotencyKey, fix);
};

/** Takes every payload: it is checked when the task is made. */
const payload = (_option: string, value: unknown) => value as object;

const taskRules = { definition, payload, options: settings };
const lastRules = { then: definition, payload, options: settings };

function readTasks(tasks: unknown): readonly GivenTask[] {
  const path = 'enqueueGroup.tasks';
  if (!readOption(path, tasks, () => Array.isArray(tasks)))
    throw new InvalidOptionError(path, tasks, 'Give an array of { definition, payload }.');
  const given = readOption(path, tasks, () => [...(tasks as readonly unknown[])]);
  return given.map((task, index) => checkAll<GivenTask>(`${path}[${index}]`, task, taskRules, ['definition']));
}

/** Describes one task as `enqueue()` does. */
function callOf(task: TaskDefinition, { payload: own, options }: Omit<GivenTask, 'definition'>, given: GivenWith) {
  return { definition: task, payload: own, ...(options ?? checkEnqueueOptions(undefined)), ...given };
}

/** The options of `with()`, and the function that was called. */
type GivenWith = Pick<GivenCall, 'options' | 'caller'>;
