import type { BackendCheck } from './backend-check.js';
import { type ContractCase, type ContractTask, contractTask, WORK } from './contract-case.js';

/** Promises of `accept()`. */
export const acceptChecks: readonly BackendCheck[] = [
  {
    name: 'accept(): each task of a batch runs, and runs once if nothing fails',
    async run(check) {
      const { backend } = await check.start();
      const tasks = Array.from({ length: 20 }, (_, payload) => contractTask({ payload }));
      const left = new Set(await check.acceptOrLeave(backend, tasks));
      const isMissing = (task: ContractTask) => !left.has(task) && check.runsOf(task).length === 0;
      const missing = () => tasks.flatMap((task, index) => (isMissing(task) ? [index] : []));
      await check.until(
        () => `20 tasks to run, and those at ${missing().join(', ')} have not`,
        () => missing().length === 0,
      );
      await check.quiet();
      for (const [index, task] of tasks.entries()) {
        check.equal(`the number of runs of the task at ${index}`, timesRun(check, task), left.has(task) ? 0 : 1);
      }
    },
  },
  {
    name: 'accept(): the runner is given the envelope as it was enqueued',
    async run(check) {
      const process = await check.start();
      const payload = {
        text: 'é 漢 😀 "\\\u001f',
        numbers: [0, -1.5, 1e21],
        nothing: null,
        nested: [{ empty: {} }, []],
      };
      const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
      const task = contractTask({ payload, context: { captured: { tenant: 'acme' }, timeoutMs: 5_000, trace } });
      await check.accept(process, task);
      await check.ran(task);
      check.equal('the envelope', check.runsOf(task)[0]!.envelope, task.envelope);
    },
  },
  {
    name: 'accept(): tasks that were accepted before start() run after it',
    async run(check) {
      const process = await check.create();
      const task = contractTask();
      await check.accept(process, task);
      await process.backend.start(process.runner);
      await check.ran(task);
    },
  },
  {
    name: 'accept(): another process runs the tasks',
    needs: 'other-process',
    async run(check) {
      const task = contractTask();
      await check.accept(await check.create(), task);
      await check.start();
      await check.ran(task);
    },
  },
  {
    name: 'accept(): tasks of one name and idempotency key are one task, and those of another name are others',
    async run(check) {
      const process = await check.create();
      process.runner.handle(OTHER);
      const first = keyed(WORK);
      const [again, later, otherName] = [keyed(WORK), keyed(WORK), keyed(OTHER)];
      await check.accept(process, first, again, otherName);
      await check.accept(process, later);
      await process.backend.start(process.runner);
      await check.ran(otherName);
      const ofKey = () => [first, again, later].map((task) => timesRun(check, task)).reduce((sum, runs) => sum + runs);
      await check.until(
        () => 'one of three tasks with one key to run, and none has',
        () => ofKey() > 0,
      );
      await check.quiet();
      check.equal('the number of runs of three tasks with one key', ofKey(), 1);
    },
  },
];

const OTHER = 'contract-other';

function keyed(name: string): ContractTask {
  return contractTask({ name, idempotencyKey: 'order:0042 of any kind' });
}

function timesRun(check: ContractCase, task: ContractTask): number {
  return check.runsOf(task).length;
}
