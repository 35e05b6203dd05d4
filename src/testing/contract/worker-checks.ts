import type { BackendCheck } from './backend-check.js';
import { contractTask, newGate, WORK } from './contract-case.js';

/** Promises of a process that runs tasks, to the others and to its own shutdown. */
export const workerChecks: readonly BackendCheck[] = [
  {
    name: 'names: a task that no process knows waits until one does, which handlersLoaded() tells',
    async run(check) {
      const process = await check.start();
      const [unknown, known] = [contractTask({ name: LATER }), contractTask()];
      await check.accept(process, unknown, known);
      await check.ran(known);
      await check.quiet();
      process.runner.handle(LATER);
      process.backend.handlersLoaded();
      await check.ran(unknown);
      check.equal('the number of its attempt', check.runsOf(unknown)[0]!.number, 1);
    },
  },
  {
    name: 'names: a task that one process does not know is run by another that does',
    needs: 'other-process',
    async run(check) {
      const old = await check.start();
      const [unknown, known] = [contractTask({ name: LATER }), contractTask()];
      await check.accept(old, unknown, known);
      await check.ran(known);
      const next = await check.create();
      next.runner.handle(LATER);
      await next.backend.start(next.runner);
      await check.ran(unknown);
    },
  },
  {
    name: 'pause(): the process starts no more tasks',
    async run(check) {
      const process = await check.start();
      const [before, after] = [contractTask(), contractTask()];
      await check.accept(process, before);
      await check.ran(before);
      await process.backend.pause();
      // It may take none, which another check is about.
      await check.acceptOrLeave(process.backend, [after]).catch(() => undefined);
      await check.quiet();
      check.equal('the number of tasks that began after pause()', check.runsOf(after).length, 0);
    },
  },
  {
    name: 'pause(): the process still accepts tasks, which another one runs',
    needs: 'other-process',
    async run(check) {
      const [first, second] = [await check.start(), await check.create()];
      await first.backend.pause();
      const task = contractTask();
      await check.accept(first, task);
      await second.backend.start(second.runner);
      await check.ran(task);
    },
  },
  {
    name: 'interruptedByShutdown: the task runs again elsewhere, as the same attempt',
    needs: 'other-process',
    async run(check) {
      const [first, second] = [await check.start(), await check.create()];
      const paused = newGate();
      first.runner.handle(WORK, async ({ id, envelope, number }) => {
        await paused.opened;
        const report = { id, name: envelope.name, attempts: number, durationMs: 0 };
        const error = new DOMException('The application shuts down.', 'AbortError');
        return { report: { ...report, state: 'failed', error }, interruptedByShutdown: true };
      });
      const task = contractTask();
      await check.accept(first, task);
      await check.ran(task);
      await first.backend.pause();
      await second.backend.start(second.runner);
      paused.open();
      await check.ran(task, 2);
      check.equal('the number of its second attempt', check.runsOf(task)[1]!.number, 1);
    },
  },
];

/** A task that the first process does not know. */
const LATER = 'contract-later';
