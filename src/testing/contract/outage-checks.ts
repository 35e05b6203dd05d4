import type { BackendCheck } from './backend-check.js';
import { type ContractCase, type ContractProcess, contractTask } from './contract-case.js';
import { codeOf, codeThrown } from './setting-checks.js';

/** Promises of a backend for the time in which its server is away. */
export const outageChecks: readonly BackendCheck[] = [
  {
    name: 'watch(): the listener is told that the backend is lost, and that it is back',
    needs: 'outage',
    async run(check) {
      const process = await check.start();
      check.equal('what it was told at first', process.heard, []);
      await check.options.outage!.begin();
      try {
        await heard(check, process, 'lost');
      } finally {
        await check.options.outage!.end();
      }
      await heard(check, process, 'back');
    },
  },
  {
    name: 'assertReady(): throws BACKEND_UNAVAILABLE while the server is away, unless tasks run here meanwhile',
    needs: 'outage',
    async run(check) {
      const process = await check.start();
      await duringOutage(check, async () => {
        const left = await check.acceptOrLeave(process.backend, [contractTask()]).catch(() => []);
        if (left.length > 0) return;
        const thrown = () => codeThrown(() => process.backend.assertReady());
        await check.until(
          () => `BACKEND_UNAVAILABLE, and it throws ${String(thrown())}`,
          () => thrown() === 'BACKEND_UNAVAILABLE',
        );
      });
    },
  },
  {
    name: 'accept(): rejects with BACKEND_UNAVAILABLE while the server is away, unless tasks run here meanwhile',
    needs: 'outage',
    async run(check) {
      const process = await check.start();
      await duringOutage(check, async () => {
        const accepting = check.acceptOrLeave(process.backend, [contractTask()]);
        const end = await accepting.then((left) => (left.length > 0 ? 'left to this process' : 'accepted'), codeOf);
        if (end === 'left to this process') return;
        check.equal('the end of accept()', end, 'BACKEND_UNAVAILABLE');
      });
    },
  },
  {
    name: 'health(): the backend is not up while the server is away',
    needs: 'outage',
    async run(check) {
      const { backend } = await check.start();
      const untilUp = async (isUp: boolean) => {
        let status: string | undefined;
        await check.until(
          () => `a health that is ${isUp ? '' : 'not '}up, and it is "${status}"`,
          async () => ((status = (await backend.health()).status) !== 'down') === isUp || (!isUp && status !== 'up'),
        );
      };
      await duringOutage(check, () => untilUp(false));
      await untilUp(true);
    },
  },
  {
    name: 'accept(): what was accepted before an outage runs after it',
    needs: 'outage',
    async run(check) {
      const process = await check.create();
      const task = contractTask();
      await check.accept(process, task);
      await duringOutage(check, () => Promise.resolve());
      await process.backend.start(process.runner);
      await check.ran(task);
    },
  },
];

async function duringOutage(check: ContractCase, work: () => Promise<void>): Promise<void> {
  const { begin, end } = bound(check);
  await begin();
  try {
    await work();
  } finally {
    await end();
  }
}

function bound(check: ContractCase) {
  const outage = check.options.outage!;
  return { begin: async () => outage.begin(), end: async () => outage.end() };
}

function heard(check: ContractCase, process: ContractProcess, what: string): Promise<void> {
  return check.until(
    () => `${what}(), and the listener was told [${process.heard.join(', ')}]`,
    () => process.heard.at(-1) === what,
  );
}
