import { randomUUID } from 'node:crypto';
import type { NamedTaskReport } from '../../contracts/named-task-report.js';
import type { BackendCheck } from './backend-check.js';
import {
  type ContractCase,
  type ContractProcess,
  type ContractTask,
  contractTask,
  retryOf,
  WORK,
} from './contract-case.js';

/** Promises of `findTask()`. */
export const reportChecks: readonly BackendCheck[] = [
  {
    name: 'findTask(), if it has it: an id that no task has is undefined',
    async run(check) {
      const { backend } = await check.create();
      check.equal('the report', await backend.findTask?.(randomUUID()), undefined);
    },
  },
  {
    name: 'findTask(), if it has it: a task is found while it waits',
    async run(check) {
      const process = await check.create();
      if (!process.backend.findTask) return;
      const task = contractTask();
      await check.accept(process, task);
      const { id, name, state, attempts, endedAt } = await find(check, process, task);
      const found = { id, name, state, attempts, endedAt };
      const { envelope } = task;
      const expected = { id: envelope.id, name: WORK, state: 'waiting', attempts: 0, endedAt: undefined };
      check.equal('the report', found, expected);
    },
  },
  {
    name: 'findTask(), if it has it: a task that has succeeded is found with its result and its progress',
    async run(check) {
      const process = await check.start();
      if (!process.backend.findTask) return;
      process.runner.handle(WORK, ({ attempt }) => {
        attempt.progressed(50);
        return { result: { rows: [1, 2] } };
      });
      const task = contractTask();
      await check.accept(process, task);
      const { state, attempts, result, progress } = await ended(check, process, task);
      const expected = { state: 'succeeded', attempts: 1, result: { rows: [1, 2] }, progress: 50 };
      check.equal('the report', { state, attempts, result, progress }, expected);
    },
  },
  {
    name: 'findTask(), if it has it: a task that has failed is found with its error and its attempts',
    async run(check) {
      const process = await check.start();
      if (!process.backend.findTask) return;
      process.runner.handle(WORK, () => {
        throw new RangeError('too large');
      });
      const task = contractTask({ retry: retryOf(2) });
      await check.accept(process, task);
      const { state, attempts, error } = await ended(check, process, task);
      const found = { state, attempts, error: { name: error?.name, message: error?.message } };
      const expected = { state: 'failed', attempts: 2, error: { name: 'RangeError', message: 'too large' } };
      check.equal('the report', found, expected);
    },
  },
];

/** Finds a task that must be there. */
async function find(check: ContractCase, { backend }: ContractProcess, task: ContractTask): Promise<NamedTaskReport> {
  const report = await backend.findTask!(task.envelope.id);
  if (report) return report;
  throw check.broken('Expected to find a task that was accepted, and found none');
}

/** Finds a task once it has ended. */
async function ended(check: ContractCase, process: ContractProcess, task: ContractTask): Promise<NamedTaskReport> {
  let last: NamedTaskReport | undefined;
  await check.until(
    () => `the end of a task in its report, and its state there is "${last?.state ?? 'not found'}"`,
    async () => {
      last = await process.backend.findTask!(task.envelope.id);
      return last?.endedAt !== undefined;
    },
  );
  return last!;
}
