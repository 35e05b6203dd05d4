import { randomUUID } from 'node:crypto';
import type { BackendCheck } from './backend-check.js';
import { contractTask, retryOf, WORK } from './contract-case.js';

/** Promises of `cancelTask()`. */
export const cancelChecks: readonly BackendCheck[] = [
  {
    name: 'cancelTask(), if it has it: an id that no task has is unknown',
    async run(check) {
      const { backend } = await check.create();
      if (backend.cancelTask) check.equal('the answer', await backend.cancelTask(randomUUID()), 'unknown');
    },
  },
  {
    name: 'cancelTask(), if it has it: a task that waits is removed, and never runs',
    async run(check) {
      const process = await check.create();
      if (!process.backend.cancelTask) return;
      const [cancelled, other] = [contractTask(), contractTask()];
      await check.accept(process, cancelled, other);
      check.equal('the answer', await process.backend.cancelTask(cancelled.envelope.id), 'removed');
      await process.backend.start(process.runner);
      await check.ran(other);
      await check.quiet();
      check.equal('the number of runs of the task', check.runsOf(cancelled).length, 0);
    },
  },
  {
    name: 'cancelTask(), if it has it: a task that runs is cancelled by its runner, and makes no other attempt',
    async run(check) {
      const process = await check.start();
      if (!process.backend.cancelTask) return;
      const { runner, backend } = process;
      runner.handle(WORK, async ({ id, envelope, number }) => {
        await check.until(
          () => 'cancel() of the runner with the id of the task, and it was not called',
          () => runner.cancelled.includes(id),
        );
        const report = { id, name: envelope.name, attempts: number, durationMs: 0 };
        return { report: { ...report, state: 'cancelled' } };
      });
      const task = contractTask({ retry: retryOf(3) });
      await check.accept(process, task);
      await check.ran(task);
      check.equal('the answer', await backend.cancelTask!(task.envelope.id), 'requested');
      await check.until(
        () => 'cancel() of the runner with the id of the task, and it was not called',
        () => runner.cancelled.includes(task.envelope.id),
      );
      await check.quiet();
      check.equal('the number of its attempts', check.runsOf(task).length, 1);
    },
  },
  {
    name: 'cancelTask(), if it has it: it is too late for a task that has ended',
    async run(check) {
      const process = await check.start();
      const { backend } = process;
      if (!backend.cancelTask) return;
      const task = contractTask();
      await check.accept(process, task);
      await check.ran(task);
      let answer: string | undefined;
      await check.until(
        () => `the answer "too-late", and it was "${answer}"`,
        // Its end is stored a little later. One that is not kept is unknown.
        async () => ['too-late', 'unknown'].includes((answer = await backend.cancelTask!(task.envelope.id))),
      );
    },
  },
];
