import { Inject, Injectable, Module, Optional } from '@nestjs/common';
import { Cluster, Redis } from 'ioredis';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  BullMqBackend,
  BullMqBackgroundTasksModule,
  type BullMqOptions,
  type BullMqOptionsFactory,
} from '../../src/bullmq/index.js';
import { checkBullMqSettings } from '../../src/bullmq/options/bullmq-task-settings.js';
import { resolveBullMqOptions } from '../../src/bullmq/options/resolve-bullmq-options.js';
import { failureReason } from '../../src/bullmq/server/failure-reason.js';
import { openServer } from '../../src/bullmq/server/open-server.js';
import { ownBackoff, retryToBullMq } from '../../src/bullmq/worker/retry-backoff.js';
import { defineTask, InvalidOptionError, TaskHandler, TaskScopes } from '../../src/index.js';
import { checkEnqueueOptions } from '../../src/options/enqueue-options.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { startContext } from '../support/start-context.js';

const connection = 'redis://127.0.0.1:6379';

describe('the options of the BullMQ module', () => {
  it('are decided, and frozen', () => {
    const options = resolveBullMqOptions({ connection });

    expect(options).toEqual({
      queueName: 'background-tasks',
      worker: {
        concurrency: 10,
        lockDurationMs: 30_000,
        stalledIntervalMs: 10_000,
        maxStalledCount: 3,
        limiter: undefined,
        closeTimeoutMs: 2_000,
      },
      attempts: 3,
      backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
      removeOnComplete: { age: 3_600, count: 1_000 },
      removeOnFail: { age: 604_800, count: 10_000 },
      acceptTimeoutMs: 2_500,
      fallback: undefined,
      answerTimeoutMs: 2_000,
      server: { kind: 'Redis', connection, prefix: 'bull' },
    });
    const { worker, server, backoff, removeOnComplete, removeOnFail } = options;
    expect([options, worker, server, backoff, removeOnComplete, removeOnFail].every(Object.isFrozen)).toBe(true);
    const given = resolveBullMqOptions({ connection, backoff: { type: 'fixed' }, removeOnFail: { count: 1 } });
    expect([given.backoff, given.removeOnFail].every(Object.isFrozen)).toBe(true);
  });

  it('may come from a class', async () => {
    class Settings implements BullMqOptionsFactory {
      createBullMqOptions(): BullMqOptions {
        return { connection: 'redis://127.0.0.1:1', acceptTimeoutMs: 10, queueName: 'of-a-class' };
      }
    }
    const { app } = await startContext({ imports: [BullMqBackgroundTasksModule.forRootAsync({ useClass: Settings })] });

    expect(app.get(BullMqBackend).queue.name).toBe('of-a-class');
  });

  it.each([
    { isGlobal: undefined, isFound: true },
    { isGlobal: true, isFound: true },
    { isGlobal: false, isFound: false },
  ])('offer what is exported to every module with isGlobal: $isGlobal: $isFound', async ({ isGlobal, isFound }) => {
    @Injectable()
    class Dashboard {
      constructor(@Inject(BullMqBackend) @Optional() readonly backend?: BullMqBackend) {}
    }
    @Module({ providers: [Dashboard] })
    class DashboardModule {}
    const options = {
      connection: 'redis://127.0.0.1:1',
      acceptTimeoutMs: 10,
      ...(isGlobal !== undefined && { isGlobal }),
    };
    const { app } = await startContext({ imports: [BullMqBackgroundTasksModule.forRoot(options), DashboardModule] });

    expect(app.get(Dashboard).backend !== undefined).toBe(isFound);
  });

  it('refuse an isGlobal that is no flag', () => {
    const forRoot = () => BullMqBackgroundTasksModule.forRoot({ connection, isGlobal: 'no' as unknown as boolean });

    expect(forRoot).toThrow('"isGlobal"');
  });

  it('take the server of the environment: the other one is undefined', () => {
    const given = {
      connection: undefined,
      prefix: undefined,
      postgres: 'postgresql://host/db',
    } as unknown as BullMqOptions;

    expect(resolveBullMqOptions(given).server.kind).toBe('PostgreSQL');
  });

  it.each<[unknown, string]>([
    [{}, '"connection"'],
    [{ connection: 7 }, '"connection"'],
    [{ connection: '' }, '"connection"'],
    [{ connection, postgres: 'postgresql://host/db' }, '"postgres"'],
    [{ connection, migrate: true }, '"migrate"'],
    [{ postgres: 'postgresql://host/db', prefix: 'x' }, '"prefix"'],
    [{ connection, queueName: 'a:b' }, '"queueName"'],
    [{ connection, queueName: '' }, '"queueName"'],
    [{ connection, worker: true }, '"worker"'],
    [{ connection, worker: { concurrency: 0 } }, '"worker.concurrency"'],
    [{ connection, worker: { lockDurationMs: 0 } }, '"worker.lockDurationMs"'],
    [{ connection, worker: { stalledIntervalMs: '1s' } }, '"worker.stalledIntervalMs"'],
    [{ connection, worker: { maxStalledCount: -1 } }, '"worker.maxStalledCount"'],
    [{ connection, worker: { limiter: { max: 1 } } }, '"worker.limiter.durationMs"'],
    [{ connection, worker: { concurency: 1 } }, '"worker.concurency"'],
    [{ connection, attempts: Infinity }, '"attempts"'],
    [{ connection, backoff: 'soon' }, '"backoff"'],
    [{ connection, removeOnComplete: 'never' }, '"removeOnComplete"'],
    [{ connection, acceptTimeoutMs: 0 }, '"acceptTimeoutMs"'],
    [{ connection, fallback: 'nowhere' }, '"fallback"'],
    [{ connection, acceptTimeoutMs: 2 ** 31 }, '"acceptTimeoutMs"'],
    [{ connection, worker: { lockDurationMs: 2 ** 31 } }, '"worker.lockDurationMs"'],
    [{ connection, worker: { stalledIntervalMs: 2 ** 31 } }, '"worker.stalledIntervalMs"'],
    [{ connection, worker: { limiter: { max: 1, durationMs: 2 ** 31 } } }, '"worker.limiter.durationMs"'],
    [{ connection, redis: {} }, '"redis"'],
  ])('refuse %o', (options, names) => {
    const resolve = () => resolveBullMqOptions(options as BullMqOptions);

    expect(resolve).toThrow(InvalidOptionError);
    expect(resolve).toThrow(names);
  });

  it.each<[unknown, string]>([
    [{ connection: 'postgresql://u:canary@host/db' }, '"connection"'],
    [{ connection: 'https://:canary@host' }, '"connection"'],
    [{ connection: 'redis//:canary@host' }, '"connection"'],
    [{ connection: '//:canary@host' }, '"connection"'],
    [{ connection: '' }, '"connection"'],
    [{ connection: null }, '"connection"'],
    [{ connection: 'REDISS://:canary@host' }, '"connection"'],
    [{ connection: 'redis://:canary%@host' }, '"connection"'],
    [{ connection: 'redis://:canary@host:99999' }, '"connection"'],
    [{ connection: 'a canary' }, '"connection"'],
    [{ connection: 'canary:99999' }, '"connection"'],
    [{ connection: { host: 'redis://:canary@host' } }, '"connection.host"'],
    [{ connection: { host: 5 } }, '"connection.host"'],
    [{ connection: { port: 'canary' } }, '"connection.port"'],
    [{ connection: { port: 99_999 } }, '"connection.port"'],
    [{ connection: { keyPrefix: 'canary:' } }, '"connection.keyPrefix"'],
    [{ connection: new Redis({ lazyConnect: true, keyPrefix: 'canary:' }) }, '"connection.keyPrefix"'],
    [{ connection: new Cluster(['redis://:canary@host'], { lazyConnect: true }) }, '"connection"'],
    [{ postgres: 'a canary' }, '"postgres"'],
    [{ postgres: 'postgresql://u:canary@host:xx/db' }, '"postgres"'],
    [{ postgres: 'redis://:canary@host' }, '"postgres"'],
    [{ postgres: ['redis://:canary@host'] }, '"postgres"'],
    [{ connection: 'redis://:canary@host', postgres: 'postgresql://u:canary@host/db' }, '"postgres"'],
    [{ connection: 'redis://:canary@host', migrate: true }, '"migrate"'],
    [{ postgres: 'postgresql://u:canary@host/db?sslrootcert=/there/is/none' }, '"postgres"'],
  ])('name what is wrong, and never show an address, which may hold a password: %#', async (options, names) => {
    const started = startContext({ imports: [BullMqBackgroundTasksModule.forRoot(options as BullMqOptions)] });
    const error: unknown = await started.catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as InvalidOptionError).message).toContain(names);
    expect(inspect(error)).not.toContain('canary');
  });

  it.each<BullMqOptions>([
    { connection: 'rediss://user:p%40ss@host:6380/2?family=6' },
    { connection: '/tmp/redis.sock?db=2' },
    { connection: 'redis:6379' },
    { connection: { host: '::1', port: '6379' as unknown as number } },
    { connection: { sentinels: [{ host: 'host', port: 26_379 }], name: 'main' } },
    { connection: new Redis({ lazyConnect: true }) },
    { postgres: 'postgres://user:password@host:5432/db?sslmode=require' },
    { postgres: 'postgresql://user@/db?host=/var/run/postgresql' },
  ])('take an address that the client takes: %#', async (options) => {
    await expect(openServer(resolveBullMqOptions(options))).resolves.toHaveProperty('unavailableBecause');
  });

  it('are not shown with a password by what a client says of them', () => {
    expect(failureReason(new Error('getaddrinfo ENOTFOUND redis://:canary@host.'))).toBe(
      'getaddrinfo ENOTFOUND redis://***@host',
    );
  });
});

describe('the reason of a failure', () => {
  const circle = { errors: [] as unknown[], message: 'all failed' };
  circle.errors.push(circle);

  it.each(hostileErrors)('is text, whatever was thrown: $what', ({ make }) => {
    expect(failureReason(make())).toMatch(/./);
  });

  it.each<[unknown, string]>([
    [{ errors: 5, message: 'refused.' }, 'refused'],
    [{ errors: [], message: 'refused' }, 'refused'],
    [{ errors: [undefined] }, 'it did not say why'],
    [{ errors: [{ code: 'ECONNREFUSED' }], message: '' }, 'ECONNREFUSED'],
    [circle, 'all failed'],
    [undefined, 'it did not say why'],
  ])('is that of the first of several errors, where there are any: %#', (error, reason) => {
    expect(failureReason(error)).toBe(reason);
  });
});

describe('what a task says to BullMQ', () => {
  it.each([
    { delay: -1 },
    { priority: 1.5 },
    { priority: 3_000_000 },
    { attempts: 0 },
    { priorty: 1 },
    { backoff: {} },
    { backoff: { type: 'fixed', delay: -1 } },
    { backoff: { type: 'exponential', delay: 1, jitter: 5 } },
    { deduplication: {} },
    { deduplication: { id: 'a', tll: 5 } },
    { removeOnComplete: {} },
    { removeOnFail: { age: '1h' } },
    { lifo: 1 },
    { jobId: 'mine' },
    { repeat: { every: 1 } },
  ])('is refused where it is wrong, or ours to say: %o', (settings) => {
    const check = () => checkBullMqSettings('send.bullmq', settings);
    expect(check).toThrow(InvalidOptionError);
    expect(check).toThrow(`"send.bullmq.${Object.keys(settings)[0]}`);
  });

  it.each([
    { backoff: { type: 'fixed', delay: 5, jitter: 0.1 } },
    { backoff: 5 },
    { deduplication: { id: 'a', ttl: 5 } },
    { removeOnComplete: { age: 5 } },
    { removeOnComplete: false, removeOnFail: 7 },
  ])('is taken as it is where it is right: %o', (settings) => {
    expect(checkBullMqSettings('send.bullmq', settings)).toEqual(settings);
  });

  it.each(['', '\ud800', 7])('is refused where its idempotency key is none: %j', (idempotencyKey) => {
    const check = () => checkEnqueueOptions({ idempotencyKey: idempotencyKey as string });
    expect(check).toThrow(InvalidOptionError);
    expect(check).toThrow('"enqueue.idempotencyKey"');
  });

  it('keeps the application from starting where a definition is wrong, and names it', async () => {
    const Wrong = defineTask({ name: 'wrong', bullmq: { priorty: 1 } as object });
    @TaskHandler(Wrong)
    class WrongHandler {
      run(): void {}
    }

    await expect(startContext({ imports: [bullMq()], providers: [WrongHandler] })).rejects.toThrow(
      '"wrong.bullmq.priorty"',
    );
  });

  it('is refused by the enqueue that says it', async () => {
    const Right = defineTask({ name: 'right', bullmq: { priority: 1 } });
    @TaskHandler(Right)
    class RightHandler {
      run(): void {}
    }
    const { app } = await startContext({ imports: [bullMq()], providers: [RightHandler] });

    const enqueued = app
      .get(TaskScopes)
      .run(({ tasks }) => void tasks.enqueue(Right, {}, { bullmq: { priorty: 2 } as object }));

    await expect(enqueued).rejects.toThrow('"enqueue.bullmq.priorty"');
  });

  const bullMq = () => BullMqBackgroundTasksModule.forRoot({ connection: 'redis://127.0.0.1:1', acceptTimeoutMs: 10 });
});

describe('the retry of a task', () => {
  const retry = { attempts: 4, delayMs: 100, factor: 2, maxDelayMs: 30_000, jitter: 0.5 };

  it('is an exponential backoff of BullMQ', () => {
    expect(retryToBullMq(retry)).toEqual({ attempts: 4, backoff: { type: 'exponential', delay: 100, jitter: 0.5 } });
  });

  it('is a fixed one where the waits are equal', () => {
    expect(retryToBullMq({ ...retry, factor: 1 })).toEqual({
      attempts: 4,
      backoff: { type: 'fixed', delay: 100, jitter: 0.5 },
    });
  });

  it.each([
    { factor: 3, maxDelayMs: 30_000, waits: [100, 300, 900] },
    { factor: 2, maxDelayMs: 150, waits: [100, 150, 150] },
  ])(
    'keeps a factor of $factor and a longest wait of $maxDelayMs ms, which BullMQ has no words for',
    ({ waits, ...rest }) => {
      const { backoff } = retryToBullMq({ ...retry, ...rest, jitter: 0 });
      const stored = JSON.parse(JSON.stringify(backoff)) as { readonly type: string };

      expect([1, 2, 3].map((made) => ownBackoff(made, stored.type, stored))).toEqual(waits);
    },
  );

  it('waits what is said where another program uses a type of its own', () => {
    expect(ownBackoff(1, 'theirs', { type: 'theirs', delay: 70 })).toBe(70);
    expect(ownBackoff(1, 'theirs', undefined)).toBe(0);
  });
});
