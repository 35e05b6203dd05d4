import { describe, expect, it } from 'vitest';
import { InProcessBackend, TaskBackend } from '../../src/backend/index.js';
import { backendContract, type BackendContractCheck, type BackendContractOptions } from '../../src/testing/index.js';
import { type Fault, Storage, StoredTransaction } from '../support/storage.js';
import { StoredBackend } from '../support/stored-backend.js';

/** A backend that is complete, with at most one fault. */
function stored(fault?: Fault): BackendContractOptions {
  const storages = new Map<string, Storage>();
  return {
    create: (queue) => {
      const storage = storages.get(queue) ?? new Storage();
      storages.set(queue, storage);
      const backend = new StoredBackend(storage, fault);
      return { backend, close: () => backend.close() };
    },
    invalidSettings: { unknown: true } as object,
    outage: {
      begin: () => storages.forEach((storage) => storage.lose()),
      end: () => storages.forEach((storage) => storage.restore()),
    },
    transaction: async (work) => {
      const transaction = new StoredTransaction();
      try {
        await work(transaction);
        transaction.end(true);
      } catch (error) {
        transaction.end(false);
        throw error;
      }
    },
    timeoutMs: 500,
    quietMs: 50,
  };
}

describe('the contract of a backend that keeps it', () => {
  it.each(backendContract({ ...stored(), timeoutMs: 4_000 }))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('the contract of the backend of this process', () => {
  it.each(backendContract({ create: () => ({ backend: new InProcessBackend() }), isShared: false }))(
    '$name',
    async ({ run }) => {
      await expect(run()).resolves.toBeUndefined();
    },
  );
});

/** Each fault, by the check that finds it. */
const faults: Record<string, readonly Fault[]> = {
  'accept(): each task of a batch runs, and runs once if nothing fails': [
    'drops a task of a batch',
    'runs a task of a batch twice',
    'leaves tasks to this process too late',
  ],
  'accept(): the runner is given the envelope as it was enqueued': ['loses the context'],
  'accept(): tasks that were accepted before start() run after it': ['loses what comes before start()'],
  'accept(): another process runs the tasks': ['keeps tasks for itself until it starts'],
  'accept(): tasks of one name and idempotency key are one task, and those of another name are others': [
    'ignores idempotency keys',
    'ignores the name of a key',
  ],
  'retry: a task that failed runs again, with the number of its attempt': ['counts attempts from 1 again'],
  'retry: a task makes as many attempts as its options allow, and no more': ['retries what has one attempt'],
  'retry: each wait is as long as the options say, and longer than the one before': ['retries at once'],
  'retry: willRetry() tells whether another attempt follows': ['tells no willRetry()'],
  'names: a task that no process knows waits until one does, which handlersLoaded() tells': [
    'ignores handlersLoaded()',
  ],
  'names: a task that one process does not know is run by another that does': ['keeps unknown names for itself'],
  'pause(): the process starts no more tasks': ['starts tasks after pause()'],
  'pause(): the process still accepts tasks, which another one runs': ['refuses tasks after pause()'],
  'interruptedByShutdown: the task runs again elsewhere, as the same attempt': [
    'fails what the shutdown interrupted',
    'counts what the shutdown interrupted',
  ],
  'checkSettings(): no settings are accepted': ['refuses all settings'],
  'checkSettings(): settings that are wrong are refused with INVALID_OPTION': ['refuses no settings'],
  'health(): the backend is not down while it accepts tasks, and assertReady() throws nothing': [
    'is down until its first outage',
  ],
  'findTask(), if it has it: an id that no task has is undefined': ['finds what nobody enqueued'],
  'findTask(), if it has it: a task is found while it waits': ['finds only what has ended'],
  'findTask(), if it has it: a task that has succeeded is found with its result and its progress': ['keeps no results'],
  'findTask(), if it has it: a task that has failed is found with its error and its attempts': ['keeps no errors'],
  'cancelTask(), if it has it: an id that no task has is unknown': ['cancels what nobody enqueued'],
  'cancelTask(), if it has it: a task that waits is removed, and never runs': ['runs what was cancelled'],
  'cancelTask(), if it has it: a task that runs is cancelled by its runner, and makes no other attempt': [
    'never tells the runner to cancel',
  ],
  'cancelTask(), if it has it: it is too late for a task that has ended': ['removes what has ended'],
  'groups, if it takes them: the last task begins once all others have ended, those that failed as well': [
    'waits for a group for a while',
  ],
  'groups, if it takes them: the last task is given the ends of the others, in their order': [
    'forgets how a group ended',
  ],
  'acceptWithin(): a task runs once its transaction has committed, and not before': ['runs what is not committed'],
  'acceptWithin(): a task never runs if its transaction rolls back': ['runs what rolls back'],
  'watch(): the listener is told that the backend is lost, and that it is back': ['hides an outage'],
  'assertReady(): throws BACKEND_UNAVAILABLE while the server is away, unless tasks run here meanwhile': [
    'is ready in an outage',
  ],
  'accept(): rejects with BACKEND_UNAVAILABLE while the server is away, unless tasks run here meanwhile': [
    'accepts in an outage',
  ],
  'health(): the backend is not up while the server is away': ['is up in an outage'],
  'accept(): what was accepted before an outage runs after it': ['forgets in an outage'],
};
const cases = Object.entries(faults).flatMap(([check, each]) => each.map((fault) => ({ check, fault })));

describe('a backend that breaks its contract', () => {
  it.each(cases)('$fault, which no other check finds than "$check"', async ({ fault, check }) => {
    const indexes = backendContract(stored()).keys();
    // With a storage of its own each, because an outage is one of all queues.
    const found = await Promise.all([...indexes].map((index) => outcomeOf(backendContract(stored(fault))[index]!)));

    expect(found.filter(({ code }) => code !== undefined)).toEqual([{ name: check, code: 'CONTRACT_BROKEN' }]);
  });

  it('is one for each check', () => {
    const names = backendContract(stored()).map(({ name }) => name);

    expect(names.filter((name) => !Object.hasOwn(faults, name))).toEqual([]);
  });
});

describe('a backend that does nothing', () => {
  class Nothing extends TaskBackend {
    override accept(): void {}
  }
  class Throws extends TaskBackend {
    override accept(): void {
      throw new TypeError('no');
    }
  }
  class Hangs extends TaskBackend {
    override accept(): Promise<void> {
      return new Promise(() => undefined);
    }
  }
  const first = (backend: TaskBackend) => backendContract({ create: () => ({ backend }), timeoutMs: 50 })[0]!.run();

  it('is refused with what was waited for', async () => {
    await expect(first(new Nothing())).rejects.toThrow(
      'The backend breaks its contract "accept(): each task of a batch runs, and runs once if nothing fails". ' +
        'It waited for 20 tasks to run, and those at 0, 1, 2',
    );
  });

  it('is refused with what it threw, which is the cause', async () => {
    await expect(first(new Throws())).rejects.toMatchObject({
      code: 'CONTRACT_BROKEN',
      message: expect.stringContaining('It threw TypeError: no.') as unknown,
      cause: new TypeError('no'),
    });
  });

  it('is refused if a call does not end', async () => {
    await expect(first(new Hangs())).rejects.toThrow('A call of the backend did not end');
  });
});

/** Runs a check. Resolves with the code of its error, if it has found one. */
async function outcomeOf({ name, run }: BackendContractCheck): Promise<{ name: string; code: unknown }> {
  try {
    await run();
    return { name, code: undefined };
  } catch (error) {
    return { name, code: (error as { code?: unknown }).code ?? error };
  }
}
