import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BullMqSchedules } from '../../src/bullmq/index.js';
import { defineTask, TaskHandler } from '../../src/index.js';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { preparePostgres } from '../support/postgres.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';
import { type PackedPackage, packPackage } from './packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packPackage();
}, 120_000);
afterAll(() => packed.remove());

const Sweep = defineTask({ name: 'sweep' });
@TaskHandler(Sweep)
class SweepHandler {
  run() {}
}

const batch = { maxSize: 10, maxWaitMs: 60_000 };

describe.each(servers)('B49 · the command line, with $kind', { timeout: 60_000 }, ({ kind, prepare }) => {
  const server = useServer(prepare);
  const option = kind === 'Redis' ? '--connection' : '--postgres';
  const variable = kind === 'Redis' ? 'BACKGROUND_TASKS_CONNECTION' : 'BACKGROUND_TASKS_POSTGRES';

  it('lists and counts tasks, those of batches as well', async () => {
    const { queueName, failed } = await withTasks();
    const at = [option, server().url, '--queue-name', queueName];

    const table = await command(['list', ...at]);
    const some = await command(['list', ...at, '--state', 'waiting', '--name', 'audit', '--json']);
    const counts = await command(['counts', ...at, '--json']);

    const [head, ...rows] = table.stdout.trimEnd().split('\n');
    expect(head).toMatch(/^id +name +state +attempts +enqueued +ended +error$/);
    expect(rows.map((row) => row.split(/ +/).slice(1, 4).join(' '))).toEqual([
      'kept waiting 0',
      'audit waiting 0',
      'fail failed 1',
    ]);
    expect(rows.at(-1)).toContain(failed.envelope.id);
    expect(rows.at(-1)).toMatch(/ no \[31m paper$/);
    expect(JSON.parse(some.stdout)).toMatchObject([{ name: 'audit', state: 'waiting' }]);
    expect(JSON.parse(counts.stdout)).toEqual({ running: 0, waiting: 2, delayed: 0, failed: 1, succeeded: 0 });
    expect([table, some, counts].map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
      [0, ''],
      [0, ''],
      [0, ''],
    ]);
  });

  it('retries and discards by id or in bulk, at an address of the environment', async () => {
    const { queueName, failed } = await withTasks();
    const does = (...args: string[]) =>
      command([...args, '--queue-name', queueName, '--json'], { [variable]: server().url });
    const { id } = failed.envelope;

    const ends = [
      await does('retry', '--all', '--name', 'fail'),
      await does('retry', id),
      await does('discard', id),
      await does('discard', id),
      await does('discard', '--state', 'waiting'),
    ];

    expect(ends.map(({ exitCode, stdout }) => [exitCode, JSON.parse(stdout) as unknown])).toEqual([
      [0, { retried: 1 }],
      [1, { retried: 0 }],
      [0, { discarded: 1 }],
      [1, { discarded: 0 }],
      [0, { discarded: 2 }],
    ]);
  });

  it('lists schedules, and ends one', async () => {
    const queueName = `test-${randomUUID()}`;
    const durable = await startDurable({ server: server(), queueName, providers: [SweepHandler] });
    await untilReady(durable);
    await durable.app.get(BullMqSchedules).set('nightly', Sweep, {}, { pattern: '0 3 * * *', tz: 'Europe/Berlin' });
    const at = [option, server().url, '--queue-name', queueName];

    const listed = await command(['schedules', ...at]);
    const ended = await command(['remove-schedule', 'nightly', ...at]);
    const again = await command(['remove-schedule', 'nightly', ...at]);

    expect(listed.stdout).toMatch(/^nightly +sweep +0 3 \* \* \* +Europe\/Berlin +\d{4}-.+Z$/m);
    expect([ended.stdout, again.stdout]).toEqual(['The schedule has ended.\n', 'No such schedule.\n']);
    expect([listed, ended, again].map(({ exitCode }) => exitCode)).toEqual([0, 0, 1]);
  });

  it('fails with the reason, and without the password, if it is away', async () => {
    const url = kind === 'Redis' ? 'redis://me:canary@127.0.0.1:1' : 'postgresql://me:canary@127.0.0.1:1/shop';

    const { exitCode, stdout, stderr } = await command(['counts'], { [variable]: url });

    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      new RegExp(`^Tasks could not be reached: ${kind}: .*ECONNREFUSED.*\\. Try again later\\.\n$`),
    );
    expect(stderr).not.toContain('canary');
  });

  /** A task that has failed, one that waits, and one of a batch. */
  async function withTasks() {
    const queueName = `test-${randomUUID()}`;
    const runner = new RecordedRunner().handle('fail', () => Promise.reject(new Error('no \u001b[31m\n paper')));
    const failed = enqueued('fail', { settings: { attempts: 1 } });
    const worker = await startDurable({ server: server(), queueName, runner, worker: {} });
    await untilReady(worker);
    await worker.backend.accept([failed]);
    await until('it has failed', async () => (await worker.backend.queue.getFailedCount()) === 1);
    await worker.app.close();
    const web = await startDurable({ server: server(), queueName });
    await untilReady(web);
    await web.backend.accept([enqueued('kept'), enqueued('audit', { batch })]);
    return { queueName, failed };
  }
});

describe('B49 · the command line, with an empty PostgreSQL', () => {
  const server = useServer(preparePostgres);

  it('makes the tables, without which it fails', { timeout: 60_000 }, async () => {
    await inDatabase(server().url, 'CREATE DATABASE fresh');
    const at = ['--postgres', server().url.replace(/\/postgres$/, '/fresh')];

    const ends = [
      await command(['counts', ...at]),
      await command(['migrate', ...at]),
      await command(['counts', ...at]),
    ];

    expect(ends.map(({ exitCode }) => exitCode)).toEqual([1, 0, 0]);
    expect(ends[0]!.stderr).toMatch(/^Tasks could not be reached: PostgreSQL: /);
    expect(ends[1]!.stdout).toBe('The schema "bullmq" is up to date.\n');
  });
});

describe('B49 · the command line', () => {
  it.each([[['--help']], [['list', '--help']], [[]]])('explains itself: %j', async (args) => {
    const { exitCode, stdout } = await command(args);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('Usage: nestjs-background-tasks <command> [options]');
    expect(stdout).toContain('BACKGROUND_TASKS_POSTGRES');
  });

  it.each([
    [['lst'], 'Give one of list, counts,'],
    [['list'], 'Give --connection or --postgres, or set BACKGROUND_TASKS_CONNECTION'],
    [['list', '--all', ...redis()], "Unknown option '--all'"],
    [['list', '--state', 'completed', ...redis()], '"state"'],
    [['list', '--limit', 'x', ...redis()], '"limit"'],
    [['list', 'x', ...redis()], 'x'],
    [['counts', '--connection', 'http://x'], '"connection"'],
    [['counts', '--postgres', 'postgres://x', ...redis()], '"postgres"'],
    [['retry', ...redis()], 'Give the id of a task, or --all'],
    [['retry', 'a', '--all', ...redis()], 'Give the id of a task, or --all'],
    [['retry', 'a', 'b', ...redis()], 'Give one id'],
    [['discard', '--state', 'running', ...redis()], '"state"'],
    [['remove-schedule', ...redis()], 'Give the id of a schedule'],
    [['migrate', ...redis()], 'Redis has no schema'],
  ])('does not understand %j', async (args, says) => {
    const { exitCode, stdout, stderr } = await command(args);

    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/\n.|\.\.| at /);
  });
});

/** The address of a Redis that is not there. */
function redis(): string[] {
  return ['--connection', 'redis://127.0.0.1:1'];
}

async function inDatabase(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** Runs the program as npx does. */
function command(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const program = join(packed.consumer, 'node_modules/.bin/nestjs-background-tasks');
  return new Promise((resolve) => {
    execFile(program, args, { env: { PATH: process.env['PATH'], ...env } }, (error, stdout, stderr) => {
      resolve({ exitCode: (error?.code as number | undefined) ?? 0, stdout, stderr });
    });
  });
}

interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
