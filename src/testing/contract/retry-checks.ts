import type { BackendCheck } from './backend-check.js';
import { contractTask, retryOf, WORK } from './contract-case.js';

/** Promises for a task that has failed. */
export const retryChecks: readonly BackendCheck[] = [
  {
    name: 'retry: a task that failed runs again, with the number of its attempt',
    async run(check) {
      const process = await check.start();
      process.runner.handle(WORK, ({ number }) => (number < 3 ? fail() : undefined));
      const task = contractTask({ retry: retryOf(3) });
      await check.accept(process, task);
      await check.ran(task, 3);
      const numbers = check.runsOf(task).map(({ number }) => number);
      check.equal('the numbers of the attempts', numbers, [1, 2, 3]);
    },
  },
  {
    name: 'retry: a task makes as many attempts as its options allow, and no more',
    async run(check) {
      const process = await check.start();
      process.runner.handle(WORK, fail);
      const [once, twice] = [contractTask({ retry: retryOf(1) }), contractTask({ retry: retryOf(2) })];
      await check.accept(process, once, twice);
      await check.ran(once);
      await check.ran(twice, 2);
      await check.quiet();
      const attempts = [once, twice].map((task) => check.runsOf(task).length);
      check.equal('the attempts of a task with one and of a task with two', attempts, [1, 2]);
    },
  },
  {
    name: 'retry: each wait is as long as the options say, and longer than the one before',
    async run(check) {
      const process = await check.start();
      process.runner.handle(WORK, fail);
      const task = contractTask({ retry: retryOf(3, FIRST_WAIT_MS, FACTOR) });
      await check.accept(process, task);
      await check.ran(task, 3);
      const [first, second, third] = check.runsOf(task).map(({ startedAt }) => startedAt);
      const waits = [second! - first!, third! - second!];
      const least = [FIRST_WAIT_MS, FIRST_WAIT_MS * FACTOR];
      // Timers end a millisecond early, and clocks of two machines differ.
      if (waits.every((wait, index) => wait >= least[index]! * 0.9)) return;
      throw check.broken(
        `Expected waits of at least ${least.join(' and ')} ms, and they took ${waits.join(' and ')} ms`,
      );
    },
  },
  {
    name: 'retry: willRetry() tells whether another attempt follows',
    async run(check) {
      const process = await check.start();
      const answers: boolean[] = [];
      process.runner.handle(WORK, ({ attempt }) => {
        answers.push(attempt.willRetry?.(new Error('the task failed')) ?? false);
        return fail();
      });
      const task = contractTask({ retry: retryOf(2) });
      await check.accept(process, task);
      await check.ran(task, 2);
      await check.quiet();
      check.equal('what willRetry() says in two attempts', answers, [true, false]);
    },
  },
];

const FIRST_WAIT_MS = 100;
const FACTOR = 3;

function fail(): never {
  throw new Error('the task failed');
}
