import type { BackendCheck } from './backend-check.js';
import { type ContractTask, contractTask, newGate, WORK } from './contract-case.js';

/** Promises of a backend that takes groups. */
export const groupChecks: readonly BackendCheck[] = [
  {
    name: 'groups, if it takes them: the last task begins once all others have ended, those that failed as well',
    async run(check) {
      const process = await check.create();
      if (!process.backend.takesGroups) return;
      const held = newGate();
      process.runner.handle(LAST);
      process.runner.handle(WORK, async ({ envelope }) => {
        if (envelope.payload === 'fails') throw new Error('the task failed');
        if (envelope.payload === 'held') await held.opened;
        return undefined;
      });
      await process.backend.start(process.runner);
      const { members, last } = groupOf(['succeeds', 'fails', 'held']);
      const left = await check.acceptOrLeave(process.backend, [...members, last]);
      if (left.length > 0) {
        // All of it runs here then, or the last one would wait for tasks of another place.
        check.equal('the number of its tasks that are left to this process', left.length, members.length + 1);
        return;
      }
      for (const member of members) await check.ran(member);
      await check.quiet();
      check.equal('the number of runs of the last task, while another one runs', check.runsOf(last).length, 0);
      held.open();
      await check.ran(last);
    },
  },
  {
    name: 'groups, if it takes them: the last task is given the ends of the others, in their order',
    async run(check) {
      const process = await check.create();
      if (!process.backend.takesGroups) return;
      process.runner.handle(LAST);
      process.runner.handle(WORK, ({ envelope }) => {
        if (envelope.payload === 'fails') throw new RangeError('too large');
        return { result: envelope.payload };
      });
      await process.backend.start(process.runner);
      const { members, last } = groupOf(['a', 'fails', 'b']);
      await check.accept(process, ...members, last);
      await check.ran(last);
      const ends = check
        .runsOf(last)[0]!
        .attempt.group?.map(({ error, ...end }) => ({ ...end, error: error?.message }));
      const [a, fails, b] = members.map(({ envelope }) => ({ id: envelope.id, name: WORK }));
      check.equal('what it is given', ends, [
        { ...a, state: 'succeeded', result: 'a', error: undefined },
        { ...fails, state: 'failed', error: 'too large' },
        { ...b, state: 'succeeded', result: 'b', error: undefined },
      ]);
    },
  },
];

const LAST = 'contract-last';

/** Makes a group as the core does: each member names the last task, whose envelope names them. */
function groupOf(payloads: readonly string[]): { members: ContractTask[]; last: ContractTask } {
  const made = payloads.map((payload) => contractTask({ payload }));
  const group = made.map(({ envelope: { id, name } }) => ({ id, name }));
  const last = contractTask({ name: LAST, context: { group } });
  return { members: made.map((member) => ({ ...member, before: last.envelope.id })), last };
}
