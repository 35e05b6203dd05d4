import compression from 'compression';
import type { Server } from 'node:http';
import { setTimeout as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { TaskScopes } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { LiveClient, startInspected } from '../support/inspector.js';
import { platforms, type RunningApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { until } from '../support/until.js';

const [express] = platforms;

describe.each(platforms)('the live stream on $name', (platform) => {
  it('tells what is kept, and then what changes', async () => {
    const { app, url } = await startInspected(platform);
    const scopes = app.get(TaskScopes);
    await scopes.run(({ tasks }) => tasks.with({ name: 'before' }).addTask(() => undefined));
    const client = await LiveClient.open(url);
    const first = await client.next();
    const held = deferred();
    const running = scopes.run(({ tasks }) => tasks.with({ name: 'during' }).addTask(() => held.promise));

    const started = await client.until(({ records }) => records[0]?.tasks[0]?.state === 'running');
    held.resolve();
    const ended = await client.until(({ records }) => records[0]?.closedAt !== undefined);
    await running;
    client.close();

    expect(first!.records.map(({ tasks }) => tasks[0]!.name)).toEqual(['before']);
    expect([started, ended].map(({ records }) => records.map(({ tasks }) => tasks[0]!.name))).toEqual([
      ['during'],
      ['during'],
    ]);
    expect(started.status).toMatchObject({ running: 1, waiting: 0, maxPending: 10_000, isDraining: false });
  });

  it('ends when the application begins to shut down, and holds it up no longer', async () => {
    const { app, url } = await startInspected(platform);
    const client = await LiveClient.open(url);
    await client.next();

    const closed = app.close();
    const last = await client.until(({ status }) => status.isDraining);
    const end = await client.next();
    await closed;

    expect([last.status.isDraining, end]).toEqual([true, undefined]);
  });
});

describe('B43 the live stream', () => {
  it('goes on after a lost connection with what has changed since', async () => {
    const { app, url } = await startInspected(express!);
    const scopes = app.get(TaskScopes);
    const add = (name: string) => scopes.run(({ tasks }) => tasks.with({ name }).addTask(() => undefined));
    await add('seen');
    const client = await LiveClient.open(url);
    const { cursor, runId } = (await client.next())!;
    client.close();
    await add('missed');

    const again = await LiveClient.open(url, `?run=${runId}&since=${cursor}`);
    const message = await again.next();
    again.close();

    expect(message!.records.map(({ tasks }) => tasks[0]!.name)).toEqual(['missed']);
  });

  it('begins anew for a page of an earlier start of the process', async () => {
    const { app, url } = await startInspected(express!);
    await app.get(TaskScopes).run(({ tasks }) => tasks.addTask(() => undefined));

    const client = await LiveClient.open(url, '?run=another&since=1000');
    const message = await client.next();
    client.close();

    expect(message!.records).toHaveLength(1);
  });

  it('is not held back by a middleware that compresses', async () => {
    const { url } = await startInspected(express!, {
      configure: (app) => app.use(compression({ threshold: 0, filter: () => true })),
    });

    const client = await LiveClient.open(url);
    const message = await client.next();
    client.close();

    expect(message!.records).toEqual([]);
  });

  it('counts what was gone before it could be sent', async () => {
    const { app, url } = await startInspected(express!, { inspector: { unsafe: 'loopback-only', capacity: 2 } });
    const scopes = app.get(TaskScopes);
    const client = await LiveClient.open(url);
    await client.next();
    // In one turn of the event loop, so that no message is sent in between.
    await Promise.all(Array.from({ length: 10 }, () => scopes.run(({ tasks }) => tasks.addTask(() => undefined))));

    const message = await client.until(({ records }) => records.length > 0);
    client.close();

    expect([message.missed, message.records.length]).toEqual([8, 2]);
  });

  it('sends a slow reader the latest state, and keeps no more for it than the scopes', async () => {
    const { app, port, url } = await startInspected(express!, { inspector: { unsafe: 'loopback-only', capacity: 50 } });
    const scopes = app.get(TaskScopes);
    const reader = await RawClient.connect(port);
    reader.write('GET /background-tasks/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    reader.pause();
    const add = () => scopes.run(({ tasks }) => tasks.with({ name: 'x'.repeat(5_000) }).addTask(() => undefined));
    for (let round = 0; round < 20; round++) {
      for (let added = 0; added < 50; added++) await add();
      await turn(0);
    }

    const other = await LiveClient.open(url);
    const message = await other.next();
    other.close();

    expect(message!.records).toHaveLength(50);
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(200 * 1024 * 1024);
  });

  it('gives the place of a page that has stopped reading free after five minutes', async () => {
    const { app, port } = await startInspected(express!);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const reader = await RawClient.connect(port);
    reader.write('GET /background-tasks/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await reader.receive('runId');
    reader.pause();
    const add = () =>
      app.get(TaskScopes).run(({ tasks }) => void tasks.with({ name: 'x'.repeat(50_000) }).addTask(noop));
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 100 }, add));
      await vi.advanceTimersByTimeAsync(100);
    }

    await vi.advanceTimersByTimeAsync(5 * 60_000);

    await until('the connection is closed', async () => (await connectionsOf(app)) === 0);
    expect(await connectionsOf(app)).toBe(0);
  });

  it('is refused to more than twenty pages at a time', async () => {
    const { url } = await startInspected(express!);
    const clients = await Promise.all(Array.from({ length: 20 }, () => LiveClient.open(url)));

    const { status } = await fetch(`${url}/background-tasks/live`);
    clients.forEach((client) => client.close());

    expect(status).toBe(503);
  });
});

function noop(): void {}

function connectionsOf(app: RunningApp['app']): Promise<number> {
  const server = app.getHttpServer() as Server;
  return promisify(server.getConnections.bind(server))();
}
