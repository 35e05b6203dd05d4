import { readdir } from 'node:fs/promises';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startBullMqProgram } from '../support/bullmq-sample.js';
import { samplePlatforms, startQuickStart } from '../support/quick-start.js';
import { prepareRedis } from '../support/redis.js';
import type { SampleProcess } from '../support/sample-process.js';
import { useServer } from '../support/servers.js';
import { openShell, seenByGit } from '../support/shell.js';
import { startThumbnails } from '../support/thumbnails.js';

describe.each(samplePlatforms)('The curl lines of the quick start on %s', (PLATFORM) => {
  it('succeed as they are printed, and make no file that git sees', async () => {
    const sample = await startQuickStart({ PLATFORM, DATA_DIR: 'var/quick-start' });
    const paste = await openShell(sample.folder);

    const answers: unknown[] = [];
    for (const line of sample.shellLines) answers.push(JSON.parse(await paste(line)));
    await sample.stop();

    expect(answers).toEqual([
      { message: 'User created, verification email will be sent.' },
      expect.objectContaining({ name: 'lamp' }),
      { message: 'The webhook for order 42 will be called.' },
      { message: 'The report for acme will be written.' },
    ]);
    const made = await filesIn(sample);
    expect(made).toEqual(['var/quick-start/acme-report.txt']);
    expect(await seenByGit(made)).toEqual([]);
  });
});

describe('The curl lines of the thumbnail sample', () => {
  it('succeed as they are printed, and make no file that git sees', async () => {
    const sample = await startThumbnails({ DATA_DIR: 'var/thumbnails' });
    const paste = await openShell(sample.folder);

    for (const line of sample.shellLines) await paste(line);
    const [fetchThumbnail] = await sample.printed(/^ +curl .*thumbnail\.webp$/m);
    await paste(fetchThumbnail);
    await sample.stop();

    const made = await filesIn(sample);
    expect(made).toEqual(expect.arrayContaining(['photo.jpg', 'thumbnail.webp']));
    expect(await seenByGit(made)).toEqual([]);
  });
});

describe('The curl lines of the BullMQ sample', () => {
  const server = useServer(() => prepareRedis());

  it('succeed as they are printed, the first one also when it is repeated, and make no file that git sees', async () => {
    const sample = await startBullMqProgram('start', { REDIS_URL: server().url, DATA_DIR: 'var/bullmq' });
    await sample.printed(/Ctrl\+C/);
    const paste = await openShell(sample.folder);

    const [order, health] = sample.shellLines as [string, string];
    const answers = [await paste(order), await paste(order), await paste(health)];
    await sample.printed(/orders-2025\.csv written/);
    await sample.stop();

    expect(answers.map((answer) => JSON.parse(answer) as unknown)).toEqual([
      { message: 'The orders of 2025 will be exported.' },
      { message: 'The orders of 2025 will be exported.' },
      { status: 'up', reasons: [] },
    ]);
    const made = await filesIn(sample);
    expect(made).toEqual(['var/bullmq/orders-2025.csv']);
    expect(await seenByGit(made)).toEqual([]);
  });
});

/** All files below the folder in which the sample runs. */
async function filesIn({ folder }: SampleProcess): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, `${entry.parentPath}/${entry.name}`));
}
