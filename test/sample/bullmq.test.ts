import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { isAlive, sampleJobs, startBullMqProgram, startBullMqSample } from '../support/bullmq-sample.js';
import { prepareRedis } from '../support/redis.js';
import { INSTALL_TIMEOUT_MS, redisPath } from '../support/requirements.js';
import { useServer } from '../support/servers.js';

describe('The BullMQ sample, with a Redis that is there', () => {
  const server = useServer(() => prepareRedis());
  let databases = 0;
  /** The tests share a Redis, and no queue. */
  const ownDatabase = () => `${server().url}/${databases++}`;

  it('answers when the queue has the task, and the worker process does it when it can', async () => {
    const redisUrl = ownDatabase();
    const sample = await startBullMqSample({ REDIS_URL: redisUrl });
    const worker = sample.processOf('worker');
    process.kill(worker, 'SIGSTOP');

    const answer = await sample.order(2025);
    const logAtAnswer = sample.log;
    process.kill(worker, 'SIGCONT');
    await sample.printed(new RegExp(`^\\[worker\\] ${worker} .*orders-2025\\.csv written by task`, 'm'));
    await sample.stop();

    expect([answer.status, await answer.json()]).toEqual([202, { message: 'The orders of 2025 will be exported.' }]);
    expect(worker).not.toBe(sample.processOf('web'));
    expect(logAtAnswer).not.toContain('Attempt');
    expect(
      (await readFile(join(sample.folder, 'orders-2025.csv'), 'utf8')).match(/^2025-\d\d-\d\d,\d+\.00$/gm),
    ).toHaveLength(336);
    expect(await readdir(sample.folder)).toEqual(['orders-2025.csv']);
    expect(await sampleJobs(redisUrl)).toMatchObject([{ name: 'export-orders', progress: 100 }]);
  });

  it('makes one job of the same idempotency key, and two of two', async () => {
    const redisUrl = ownDatabase();
    const sample = await startBullMqSample({ REDIS_URL: redisUrl });

    const answers = [
      await sample.order(2024, 'once'),
      await sample.order(2024, 'once'),
      await sample.order(2023, 'another'),
    ];
    await Promise.all([sample.printed(/orders-2024\.csv written/), sample.printed(/orders-2023\.csv written/)]);
    await sample.stop();

    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(sample.log.match(/Attempt \d+ of task \S+ begins/g)).toHaveLength(2);
    expect(await sampleJobs(redisUrl)).toHaveLength(2);
  });

  it('refuses a year that is none, and orders nothing', async () => {
    const redisUrl = ownDatabase();
    const sample = await startBullMqSample({ REDIS_URL: redisUrl });

    const answer = await sample.order(25);

    expect(answer.status).toBe(400);
    expect(await sampleJobs(redisUrl)).toEqual([]);
  });

  it('shows the board, its API and its files to who has the password, and to nobody else', async () => {
    const settings = { REDIS_URL: ownDatabase(), BOARD_USER: 'ada', BOARD_PASSWORD: 'sësame:open' };
    const sample = await startBullMqSample(settings);
    const paths = ['/queues', '/queues/', '/QUEUES', '/queues/api/queues', '/queues/static/images/logo.svg'];
    // As UTF-8, and in the bytes of a string for btoa().
    const bytes = Buffer.from(settings.BOARD_PASSWORD).toString('latin1');
    const statuses = (credentials?: string) => Promise.all(paths.map((path) => sample.statusOf(path, credentials)));

    expect(await statuses()).toEqual(paths.map(() => 401));
    expect(await statuses('ada:sesame')).toEqual(paths.map(() => 401));
    expect(await statuses(`admin:${bytes}`)).toEqual(paths.map(() => 401));
    expect(await statuses(`ada:${bytes}`)).toEqual(paths.map(() => 200));
    expect(sample.log).not.toContain(settings.BOARD_PASSWORD);
  });

  it('prints a password for the board where none is set, and the board takes it', async () => {
    const sample = await startBullMqSample({ REDIS_URL: ownDatabase() });
    const [, password] = await sample.printed(/board's password is (\S+) /);

    expect(await sample.statusOf('/queues', `admin:${password}`)).toBe(200);
  });

  it('has no board without a password: the web process alone refuses to start', async () => {
    const sample = await startBullMqProgram('main', { REDIS_URL: ownDatabase() });

    const { code } = await sample.exit;

    expect(code).toBe(1);
    expect(sample.log).toContain('Set BOARD_PASSWORD');
  });

  it('tells how its queue is, and refuses tasks with 503 when Redis is gone', async () => {
    const sample = await startBullMqSample({ REDIS_URL: ownDatabase() });
    const healthy = await fetch(`${sample.url}/health`);
    await server().stop();

    const ill = await fetch(`${sample.url}/health`);
    const refused = await sample.order(2025);

    expect([healthy.status, await healthy.json()]).toEqual([200, { status: 'up', reasons: [] }]);
    expect([ill.status, await ill.json()]).toEqual([
      503,
      { status: 'down', reasons: [expect.stringMatching(/^Redis: /)] },
    ]);
    expect(refused.status).toBe(503);
    expect(refused.headers.has('retry-after')).toBe(true);
  });

  it('ends both processes at SIGTERM', async () => {
    const sample = await startBullMqSample({ REDIS_URL: ownDatabase() });
    const both = [sample.processOf('web'), sample.processOf('worker')];
    const before = both.map(isAlive);

    const exit = await sample.stop();

    expect(exit).toEqual({ code: 0, signal: null });
    expect([before, both.map(isAlive)]).toEqual([
      [true, true],
      [false, false],
    ]);
  });

  it('ends both, as a failure, when one of them ends by itself', async () => {
    const sample = await startBullMqSample({ REDIS_URL: ownDatabase() });
    const both = [sample.processOf('web'), sample.processOf('worker')];

    process.kill(both[1]!, 'SIGKILL');
    const exit = await sample.exit;

    expect(exit).toEqual({ code: 1, signal: null });
    expect(both.map(isAlive)).toEqual([false, false]);
  });
});

describe('The BullMQ sample, without a Redis', () => {
  beforeAll(() => redisPath(), INSTALL_TIMEOUT_MS);

  it('starts one from the PATH, finishes the task that has begun at Ctrl+C, and only then stops it', async () => {
    const sample = await startBullMqSample();
    const redis = Number((await sample.printed(/Started redis-server as process (\d+)/))[1]);
    await sample.order(2025);
    await sample.printed(/Attempt 1 of task/);
    const before = isAlive(redis);

    const exit = await sample.interrupt();

    expect(exit).toEqual({ code: 0, signal: null });
    expect(sample.log).toMatch(/orders-2025\.csv written by task/);
    expect(sample.log).not.toMatch(/ERROR|WARN/);
    expect([before, isAlive(redis)]).toEqual([true, false]);
    expect([sample.processOf('web'), sample.processOf('worker')].map(isAlive)).toEqual([false, false]);
  });

  it('says in one sentence what to install where there is none to start', async () => {
    const sample = await startBullMqProgram('start', { PATH: '/nowhere' });

    const { code } = await sample.exit;

    expect(code).toBe(1);
    expect(sample.log).toMatch(/^This sample needs Redis: install redis-server .*, or set REDIS_URL\.\n$/);
  });
});
