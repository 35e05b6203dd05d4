import { describe, expect, it } from 'vitest';
import { resolveModuleOptions } from '../../src/options/module-options.js';
import { NamedTasks } from '../../src/tasks/named-tasks.js';
import { noTaskOptions } from '../../src/options/task-options.js';
import { QueuedTask } from '../../src/tasks/queued-task.js';

describe('B29 the idempotency key of a task of this process', () => {
  it('is free in the same moment in which the task that had it ends', async () => {
    const named = new NamedTasks(resolveModuleOptions({}));
    const [first, second, third] = [newTask(), newTask(), newTask()];

    expect(named.claim(first, 'work order-1')).toBe(true);
    expect(named.claim(second, 'work order-1')).toBe(false);
    first.settle('cancelled');
    expect(named.claim(third, 'work order-1')).toBe(true);

    await first.settled;
    expect(named.claim(second, 'work order-1')).toBe(false);
  });
});

function newTask(): QueuedTask {
  const call = { fn: () => undefined, target: undefined, args: [], name: 'work' };
  return new QueuedTask(call, noTaskOptions, false, 0, undefined, { cancel: () => false });
}
