import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NamedTaskReport } from '../../src/backend/index.js';
import type { InspectorModuleOptions } from '../../src/inspector/index.js';
import { deferred } from '../support/deferred.js';
import { startInspected } from '../support/inspector.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { namedTaskReport } from '../support/named-task-report.js';
import { platforms, type RunningApp } from '../support/platforms.js';

const [express] = platforms;

describe.each(platforms)('a named task that is looked up on $name', (platform) => {
  it('has the state, the attempts and the place in bull-board that its backend tells', async () => {
    const backend = new LookedUp();
    backend.find = async () => ({ state: 'failed', attempts: 3, job: { queue: 'mail & more', id: 't4/2' } });
    const running = await start(platform, backend, { bullBoard: '/queues/' });

    expect(await lookUp(running, 'an id/of any kind')).toEqual({
      kind: 'found',
      state: 'failed',
      attempts: 3,
      board: '/queues/queue/mail%20%26%20more/t4%2F2',
    });
    expect(backend.asked).toEqual(['an id/of any kind']);
  });

  it('is gone if the backend has none of that id', async () => {
    const running = await start(platform, new LookedUp());

    expect(await lookUp(running, randomUUID())).toEqual({ kind: 'gone' });
  });

  it('is unknown while the backend cannot be asked, with the reason', async () => {
    const backend = new LookedUp();
    backend.find = () => Promise.reject(new Error('Redis: the connection was closed'));
    const running = await start(platform, backend);

    expect(await lookUp(running, '42')).toEqual({ kind: 'unknown', reason: 'Redis: the connection was closed' });
  });

  it('is no part of the answer of a backend that tells of none', async () => {
    expect(await lookUp(await start(platform, new MemoryBackend()), '42')).toEqual({ kind: 'untold' });
    expect(await lookUp(await startInspected(platform), '42')).toEqual({ kind: 'untold' });
  });
});

describe('the look-up of a task', () => {
  it('takes from the backend nothing but the state, the attempts and the place', async () => {
    const backend = new LookedUp();
    backend.find = async () =>
      ({ state: 'waiting', attempts: 0, payload: 'CANARY', job: { queue: 'q', id: '1' } }) as never;

    expect(await lookUp(await start(express!, backend), '42')).toEqual({
      kind: 'found',
      state: 'waiting',
      attempts: 0,
    });
  });

  it('ends after three seconds if the backend is silent', async () => {
    const backend = new LookedUp();
    const asked = deferred();
    backend.find = () => {
      asked.resolve();
      return new Promise(() => undefined);
    };
    const running = await start(express!, backend);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());

    const found = lookUp(running, '42');
    await asked.promise;
    vi.advanceTimersByTime(3_000);

    expect(await found).toEqual({ kind: 'unknown', reason: 'The backend did not answer in 3000 ms.' });
  });

  it('is refused while twenty others have no answer, and not after that', async () => {
    const backend = new LookedUp();
    const [held, full] = [deferred(), deferred()];
    backend.find = async () => {
      if (backend.asked.length === 20) full.resolve();
      await held.promise;
      return undefined;
    };
    const running = await start(express!, backend);
    const first = Array.from({ length: 20 }, (_, index) => lookUp(running, String(index)));
    await full.promise;

    const refused = await lookUp(running, 'one more');
    held.resolve();
    await Promise.all(first);

    expect(refused).toEqual({ kind: 'unknown', reason: 'Too many tasks are looked up at this moment.' });
    expect(await lookUp(running, 'one more')).toEqual({ kind: 'gone' });
    expect(backend.asked).toHaveLength(21);
  });

  it.each(['javascript:alert(1)', '//evil.example', 'queues', '/queues?x=1', '', 7])(
    'does not start with %j as the address of bull-board',
    async (bullBoard) => {
      await expect(start(express!, new LookedUp(), { bullBoard: bullBoard as string })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('"bullBoard"') as string,
      });
    },
  );

  it('leads to a bull-board on another host', async () => {
    const backend = new LookedUp();
    backend.find = async () => ({ state: 'waiting', attempts: 0, job: { queue: 'q', id: '1' } });
    const running = await start(express!, backend, { bullBoard: 'https://admin.example/queues' });

    expect(await lookUp(running, '42')).toMatchObject({ board: 'https://admin.example/queues/queue/q/1' });
  });
});

class LookedUp extends MemoryBackend {
  readonly asked: string[] = [];
  find: () => Promise<Partial<NamedTaskReport> | undefined> = async () => undefined;

  override async findTask(id: string): Promise<NamedTaskReport | undefined> {
    this.asked.push(id);
    const found = await this.find();
    return found && namedTaskReport(found);
  }
}

function start(
  platform: (typeof platforms)[number],
  backend: MemoryBackend,
  more: Partial<InspectorModuleOptions> = {},
) {
  const inspector = { unsafe: 'loopback-only', ...more } as InspectorModuleOptions;
  return startInspected(platform, { inspector, imports: [memoryBackendModule(backend)] });
}

async function lookUp({ url }: RunningApp, id: string): Promise<unknown> {
  return (await fetch(`${url}/background-tasks/tasks/${encodeURIComponent(id)}`)).json();
}
