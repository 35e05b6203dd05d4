import type { BackendCheck } from './backend-check.js';
import { type ContractCase, type ContractProcess, type ContractTask, contractTask } from './contract-case.js';

/** Promises of `acceptWithin()`. */
export const transactionChecks: readonly BackendCheck[] = [
  {
    name: 'acceptWithin(): a task runs once its transaction has committed, and not before',
    needs: 'transaction',
    async run(check) {
      const process = await check.start();
      const task = contractTask();
      await check.options.transaction!(async (transaction) => {
        await process.backend.acceptWithin!(transaction, [offered(task)]);
        await check.quiet();
        check.equal('the number of its runs before the commit', check.runsOf(task).length, 0);
      });
      await check.ran(task);
    },
  },
  {
    name: 'acceptWithin(): a task never runs if its transaction rolls back',
    needs: 'transaction',
    async run(check) {
      const process = await check.start();
      const [task, later] = [contractTask(), contractTask()];
      await rolledBack(check, process, task);
      await check.accept(process, later);
      await check.ran(later);
      await check.quiet();
      check.equal('the number of its runs', check.runsOf(task).length, 0);
    },
  },
];

async function rolledBack(check: ContractCase, { backend }: ContractProcess, task: ContractTask): Promise<void> {
  const reason = new Error('rolled back by the check');
  const work = check.options.transaction!(async (transaction) => {
    await backend.acceptWithin!(transaction, [offered(task)]);
    throw reason;
  });
  await work.catch((error: unknown) => {
    if (error !== reason) throw error;
  });
}

/** A transaction leaves no task to this process. */
function offered(task: ContractTask) {
  return { ...task, runHere: () => undefined };
}
