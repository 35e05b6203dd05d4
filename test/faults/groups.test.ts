import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EndedTask } from '../../src/index.js';
import { type Child, startChild } from '../support/child-app.js';
import { startGrouped } from '../support/grouped-app.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

describe.each(servers)('B51 · a group whose tasks kill their workers, on $kind', ({ prepare }) => {
  const server = useServer(prepare);

  it('runs its last task, again if that lost its worker', { timeout: 120_000 }, async () => {
    const queueName = `faults-${randomUUID()}`;
    const folder = mkdtempSync(join(tmpdir(), 'groups-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const web = await startGrouped(server(), {}, { queueName, worker: false });
    const { last } = await web.enqueueParts(['once', 'poison', 'well']);
    const workers: Child[] = [];
    const lines = (kind: string) => workers.flatMap(({ journal }) => journal.of(kind));
    let isOver = false;
    onTestFinished(() => void (isOver = true));
    const oneAfterAnother = async () => {
      while (!isOver) {
        const worker = startChild('grouped', { env: { SERVER: server().url, QUEUE: queueName, FOLDER: folder } });
        workers.push(worker);
        await worker.exit;
      }
    };
    const working = oneAfterAnother();

    await until('the last task has ended', async () => (await web.reports.find(last.id))?.endedAt !== undefined, 50);
    isOver = true;
    workers.at(-1)!.kill('SIGKILL');
    await working;

    expect(await web.reports.find(last.id)).toMatchObject({ state: 'succeeded', group: { ended: 3, failed: 1 } });
    const [ends, ...others] = lines('D').map((line) => JSON.parse(line) as EndedTask[]);
    expect(others).toEqual([]);
    expect(ends).toMatchObject([
      { state: 'succeeded', result: { act: 'once' } },
      { state: 'failed', error: { message: expect.stringContaining('stalled') as string } },
      { state: 'succeeded', result: { act: 'well' } },
    ]);
    expect(lines('S').toSorted()).toEqual(['once', 'once', 'poison', 'poison', 'well', 'whole', 'whole']);
  });
});
