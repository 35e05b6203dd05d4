import { describe, expect, it } from 'vitest';
import type { BackgroundTasks } from '../../src/index.js';
import { startContext } from '../support/start-context.js';

describe('B4 a task that adds a task', () => {
  it.each([
    { kind: 'synchronous', pause: () => undefined },
    { kind: 'asynchronous', pause: () => Promise.resolve() },
  ])('is refused the one after 1,000 $kind tasks in a row, with a coded error', async ({ pause }) => {
    const { run, host, logs } = await startContext();
    let runs = 0;
    await run((tasks) => {
      const again = async (): Promise<void> => {
        runs++;
        const paused = pause();
        if (paused) await paused;
        tasks.addTask(again);
      };
      tasks.addTask(again);
    });
    expect(runs).toBe(1_000);
    expect(host.stats()).toMatchObject({ accepted: 1_000, succeeded: 999, failed: 1 });
    expect(logs.errors).toHaveLength(1);
    expect(logs.errors[0]).toContain('Task "again" is number 1001 in a chain of tasks');
  });

  it('gets TASK_CHAIN_TOO_LONG thrown where it adds', async () => {
    const { run } = await startContext();
    const codes: unknown[] = [];
    await run((tasks) => addUntilRefused(tasks, (error) => codes.push((error as { code: unknown }).code)));
    expect(codes).toEqual(['TASK_CHAIN_TOO_LONG']);
  });

  it('may add any number from one task', async () => {
    const { run, host } = await startContext();
    await run((tasks) =>
      tasks.addTask(() => {
        for (let i = 0; i < 1_500; i++) tasks.addTask(() => undefined);
      }),
    );
    expect(host.stats()).toMatchObject({ accepted: 1_501, succeeded: 1_501 });
  });
});

function addUntilRefused(tasks: BackgroundTasks, refused: (error: unknown) => void): void {
  tasks.addTask(() => {
    try {
      addUntilRefused(tasks, refused);
    } catch (error) {
      refused(error);
    }
  });
}
