import { Controller, Get, Param, ParseIntPipe } from '@nestjs/common';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, BatchError, Tasks, TaskScopes } from '../../src/index.js';
import { Audit, auditProviders, WriteAudit } from '../support/audit.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';
import { until } from '../support/until.js';

@Controller()
class AuditController {
  constructor(private readonly audit: Audit) {}

  @Get('write/:n')
  write(@Param('n', ParseIntPipe) n: number, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => this.audit.note(`before ${n}`));
    const { id } = tasks.enqueue(WriteAudit, { n });
    tasks.addTask(() => this.audit.note(`after ${n}`));
    return { id };
  }

  @Get('many/:count')
  many(@Param('count', ParseIntPipe) count: number, @Tasks() tasks: BackgroundTasks) {
    return Array.from({ length: count }, (_, n) => tasks.enqueue(WriteAudit, { n }).id);
  }

  @Get('fails')
  fails(@Tasks() tasks: BackgroundTasks) {
    tasks.enqueue(WriteAudit, { n: 1 });
    throw new Error('no');
  }
}

describe.each(platforms)('B40 tasks in batches on $name', (platform) => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
  });

  async function start() {
    const { app, url, logs } = await startApp(platform, { controllers: [AuditController], providers: auditProviders });
    const host = app.get(BackgroundTasksHost);
    const get = async (path: string): Promise<unknown> => (await fetch(`${url}/${path}`)).json();
    /** Resolves once so many tasks wait, and nothing else does anything. */
    const waiting = (count: number) => until(`${count} tasks wait`, () => host.stats().waiting === count);
    return { app, audit: app.get(Audit), host, logs, get, waiting };
  }

  it('run together, those of many requests, once there are as many as maxSize says', async () => {
    const { audit, get } = await start();

    await get('write/1');
    await get('write/2');
    await audit.until('after 2');
    expect(audit.runs).toEqual([]);
    await get('write/3');
    await audit.until('close');

    expect(audit.batches).toEqual([[1, 2, 3]]);
  });

  it('run together once the first of them has waited for maxWaitMs', async () => {
    const { audit, get, waiting } = await start();
    await get('write/1');
    await waiting(1);
    vi.advanceTimersByTime(150);
    await get('write/2');
    await waiting(2);

    vi.advanceTimersByTime(49);
    expect(audit.runs).toEqual([]);
    vi.advanceTimersByTime(1);
    await audit.until('close');

    expect(audit.batches).toEqual([[1, 2]]);
  });

  it('hold up neither the later tasks of their request nor the end of its scope', async () => {
    const { audit, get, host } = await start();

    await get('write/1');
    await audit.until('after 1');
    await until('the task is all that is left', () => host.stats().waiting + host.stats().running === 1);

    expect(audit.events).toEqual(['before 1', 'after 1']);
    expect(audit.runs).toEqual([]);
  });

  it('keep the order of their request, in batches one after another', async () => {
    const { audit, get } = await start();
    const first = deferred();
    audit.act = () => first.promise;

    await get('many/8');
    await audit.until('begin 0,1,2');
    expect(audit.runs).toHaveLength(1);
    first.resolve();
    await audit.until('close', 2);
    vi.advanceTimersByTime(200);
    await audit.until('close', 3);

    expect(audit.batches).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
    expect(audit.events.slice(0, 4)).toEqual(['begin 0,1,2', 'end 0,1,2', 'commit', 'close']);
  });

  it('are discarded if their request fails', async () => {
    const { audit, get, host } = await start();

    await get('fails');
    await until('it is discarded', () => host.stats().discarded === 1);

    expect(audit.runs).toEqual([]);
  });

  it('begin at once when the application shuts down, which waits for them', async () => {
    const { app, audit, get, host, waiting } = await start();
    await get('write/1');
    await waiting(1);

    await app.close();

    expect(audit.batches).toEqual([[1]]);
    expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 3, waiting: 0, running: 0 });
  });

  it('each have a handle, a state and a report of their own', async () => {
    const { app, audit, host } = await start();
    audit.act = () => {
      throw new BatchError([[1, new Error('no second')]]);
    };

    const added = await app.get(TaskScopes).run(({ tasks }) => [1, 2, 3].map((n) => tasks.enqueue(WriteAudit, { n })));
    const reports = await Promise.all([added[0]!.settled, added[2]!.settled]);
    expect(added[1]!.state).toBe('running');
    audit.act = () => undefined;
    vi.advanceTimersByTime(50);
    vi.advanceTimersByTime(200);
    const retried = await added[1]!.settled;

    expect(reports.map(({ id, state, attempts }) => [id, state, attempts])).toEqual([
      [added[0]!.id, 'succeeded', 1],
      [added[2]!.id, 'succeeded', 1],
    ]);
    expect(retried).toMatchObject({ id: added[1]!.id, state: 'succeeded', attempts: 2 });
    expect(audit.batches).toEqual([[1, 2, 3], [2]]);
    expect(audit.events.filter((event) => event === 'commit')).toHaveLength(2);
    expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 3 });
  });
});
