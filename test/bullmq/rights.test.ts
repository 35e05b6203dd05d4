import type { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqHealth } from '../../src/bullmq/index.js';
import { BackendUnavailableError } from '../../src/index.js';
import { degraded, healthOnceAccepted, outage, outageOf, up } from '../support/agreement.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { prepareRedis } from '../support/redis.js';
import { redisAdmin, redisUser, type RedisUser } from '../support/redis-user.js';
import { reportOldVersion } from '../support/rewriting-proxy.js';
import { useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const ALL = ['~*', '+@all'];

const rightsToAdd = [
  { right: 'EVAL', lacks: ['-eval'], says: "permissions to run the 'eval' command" },
  { right: 'EVALSHA', lacks: ['-evalsha'], says: "permissions to run the 'evalsha' command" },
  { right: 'scripts', lacks: ['-@scripting'], says: "permissions to run the 'eval' command" },
  { right: 'XADD', lacks: ['-xadd'], says: 'it refuses XADD to this user' },
  { right: 'to write', lacks: ['-@write'], says: 'it refuses INCR, HMSET, HSET, LPUSH, XADD, ZADD to this user' },
  { right: 'to read', lacks: ['-@read'], says: 'it refuses EXISTS, HGET, HMGET to this user' },
  { right: 'its keys', lacks: ['resetkeys', '~other:*'], says: 'it uses bull:test-' },
  { right: 'to write its keys', lacks: ['resetkeys', '%R~bull:*'], says: 'it uses bull:test-' },
];

describe('B32 · a user of Redis without the right to add a task', () => {
  const server = useServer(() => prepareRedis());

  it.each(rightsToAdd)('refuses tasks from the start, and names the right: $right', async ({ lacks, says }) => {
    const user = await redisUser(server().url, ...ALL, ...lacks);
    const durable = await startAs(user);

    expect(await outageOf(durable, says)).toEqual(outage(says));
    await user.may('allkeys', ...ALL);
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  // A script that the server knows needs EVALSHA only.
  const inUse = rightsToAdd.filter(({ right }) => right !== 'EVAL');

  it.each(inUse)('refuses tasks when it is taken away, and names the right: $right', async ({ lacks, says }) => {
    const user = await redisUser(server().url, ...ALL);
    const durable = await startAs(user);
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);
    await user.may(...lacks);
    // Nothing has asked the server since.
    expect(durable.backend.unavailableBecause).toBeUndefined();
    await expect(durable.backend.accept([enqueued('send')])).rejects.toThrow(/not confirmed by Redis/);

    expect(await outageOf(durable, says)).toEqual(outage(says));
    await user.may('allkeys', ...ALL);
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it.each(rightsToAdd)('is found by health before a task is refused: $right', async ({ lacks, says }) => {
    const user = await redisUser(server().url, ...ALL);
    const durable = await startAs(user);
    await untilReady(durable);
    await user.may(...lacks);

    const health = await durable.app.get(BullMqHealth).check();

    expect(health).toEqual({ status: 'down', reasons: [expect.stringContaining(says)] });
    expect(await outageOf(durable, says)).toEqual(outage(says));
  });
});

describe('B32 · a Redis that refuses all that writes', () => {
  // Its file cannot be written, because there is a folder of that name.
  const server = useServer(() => prepareRedis('--dbfilename', 'appendonlydir'));

  it.each<{ why: string; begin: (admin: Redis) => Promise<unknown>; end: (admin: Redis) => unknown; says: string }>([
    {
      why: 'its memory is full',
      begin: (admin) => admin.config('SET', 'maxmemory', '1'),
      end: (admin) => admin.config('SET', 'maxmemory', '0'),
      says: 'OOM command not allowed',
    },
    {
      why: 'it is a read-only replica',
      begin: (admin) => admin.replicaof('127.0.0.1', 1),
      end: (admin) => admin.replicaof('NO', 'ONE'),
      says: 'READONLY',
    },
    {
      why: 'it cannot save its data',
      begin: failToSave,
      end: (admin) => admin.config('SET', 'save', ''),
      says: 'MISCONF',
    },
    {
      why: 'it has too few replicas',
      begin: (admin) => admin.config('SET', 'min-replicas-to-write', '1'),
      end: (admin) => admin.config('SET', 'min-replicas-to-write', '0'),
      says: 'NOREPLICAS',
    },
  ])('refuses tasks with the reason: $why', async ({ begin, end, says }) => {
    const admin = redisAdmin(server().url);
    const durable = await startDurable({ server: server() });
    await untilReady(durable);

    await begin(admin);
    await durable.backend.accept([enqueued('send')]).catch(() => undefined);
    expect(await outageOf(durable, says)).toEqual(outage(says));
    await end(admin);

    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it.each([
    { why: 'the password of its user is another one', change: ['resetpass', '>other'], says: 'WRONGPASS' },
    { why: 'its user may not connect', change: ['off'], says: 'WRONGPASS' },
  ])('refuses tasks with the reason: $why', async ({ change, says }) => {
    const user = await redisUser(server().url, ...ALL);
    const durable = await startAs(user);
    await untilReady(durable);

    await user.may(...change);
    await redisAdmin(server().url).client('KILL', 'USER', 'tasks');
    expect(await outageOf(durable, says)).toEqual(outage(says));
    await user.may('on', '>secret');

    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it('refuses tasks with the reason: it now asks for a password', async () => {
    const admin = redisAdmin(server().url);
    await admin.ping();
    const durable = await startDurable({ server: server() });
    await untilReady(durable);

    await admin.config('SET', 'requirepass', 'secret');
    onTestFinished(async () => void (await admin.config('SET', 'requirepass', '')));
    await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(await outageOf(durable, 'NOAUTH')).toEqual(outage('NOAUTH'));
    await admin.config('SET', 'requirepass', '');

    expect(await healthOnceAccepted(durable)).toEqual(up);
  });
});

describe('B32 · a Redis that takes tasks is degraded', () => {
  const server = useServer(() => prepareRedis());

  it('if it refuses INFO', async () => {
    const user = await redisUser(server().url, ...ALL, '-info');
    const runner = new RecordedRunner().handle('send');
    const durable = await startAs(user, runner);

    expect(await healthOnceAccepted(durable)).toEqual(
      degraded("it refuses INFO (NOPERM this user has no permissions to run the 'info' command)"),
    );
    expect(durable.logs.errors).toEqual([]);
    await runner.ran(1);
    await user.may('+info');
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it('if it refuses INFO, and its worker waits for parts of a second all the same', async () => {
    const user = await redisUser(server().url, ...ALL, '-info');
    const monitor = await redisAdmin(server().url).monitor();
    onTestFinished(() => monitor.disconnect());
    const waits: string[] = [];
    monitor.on('monitor', (_time, [command, , seconds]: string[]) => {
      if (command === 'bzpopmin') waits.push(seconds!);
    });

    await startAs(user, new RecordedRunner().handle('send'));
    await until('the worker waits', () => waits.length > 0);

    expect(Number.isInteger(Number(waits[0]))).toBe(false);
  });

  it('if it says that its version is too low', async () => {
    const { old, version } = await reportOldVersion(server().url);
    const runner = new RecordedRunner().handle('send');
    const durable = await startDurable({ server: { options: { connection: old } }, runner, worker: {} });

    expect(await healthOnceAccepted(durable)).toEqual(degraded(`its version is ${version}. BullMQ needs 5.0.0`));
    expect(durable.logs.errors).toEqual([]);
    await runner.ran(1);
  });

  it('if it refuses what only some tasks need, and says so once', async () => {
    const user = await redisUser(server().url, ...ALL, '-zrange', '-zscore');
    const durable = await startAs(user);

    expect(await healthOnceAccepted(durable)).toEqual(degraded('it refuses ZRANGE, ZSCORE to this user'));
    expect(durable.logs.errors).toEqual([]);
    for (let index = 0; index < 3; index++) {
      const later = enqueued('send', { settings: { delay: 1_000 } });
      await expect(durable.backend.accept([later])).rejects.toThrow(BackendUnavailableError);
    }
    await durable.backend.accept([enqueued('send')]);
    await until('the refusal is logged', () => durable.logs.warnings.some((line) => line.includes('refused a task')));

    expect(durable.logs.errors).toEqual([]);
    expect(durable.logs.warnings.filter((line) => line.includes('ZRANGE, ZSCORE'))).toHaveLength(1);
    expect(durable.logs.warnings.filter((line) => line.includes('refused a task'))).toHaveLength(1);
  });

  it('if it refuses what only the worker needs, and says so once', async () => {
    const user = await redisUser(server().url, ...ALL, '-rpoplpush');
    const runner = new RecordedRunner().handle('send');
    const durable = await startAs(user, runner);
    await until('the worker was refused', () => durable.logs.errors.length > 0);

    const { status, reasons } = await durable.app.get(BullMqHealth).check();

    expect(status).toBe('degraded');
    expect(reasons).toEqual([
      expect.stringContaining('The worker cannot do its work: it refuses RPOPLPUSH to this user'),
      expect.stringContaining("has taken no task since: ERR The user executing the script can't run this command"),
    ]);
    expect(durable.logs.warnings).toEqual([expect.stringContaining('RPOPLPUSH')]);
    await user.may(...ALL);
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);
    expect(await healthOnceAccepted(durable)).toEqual(up);
    expect(durable.logs.errors).toHaveLength(1);
  });

  it('if its worker may not wait for tasks', async () => {
    const user = await redisUser(server().url, ...ALL, '-bzpopmin');
    const runner = new RecordedRunner().handle('send');
    const durable = await startAs(user, runner);
    await until('the worker was refused', () => durable.logs.errors.length > 0);

    const { reasons } = await durable.app.get(BullMqHealth).check();

    expect(reasons).toEqual([expect.stringContaining("permissions to run the 'bzpopmin' command")]);
    await durable.backend.accept([enqueued('send')]);
    await user.may(...ALL);
    await runner.ran(1);
  });
});

it('B32 · asking for the health of a Redis leaves nothing there', async () => {
  const server = await prepareRedis();
  onTestFinished(() => server.remove());
  await server.start();
  const durable = await startDurable({ server });
  await untilReady(durable);

  await durable.app.get(BullMqHealth).check();

  expect(await redisAdmin(server.url).keys('*')).toEqual([]);
});

function startAs(user: RedisUser, runner?: RecordedRunner): Promise<DurableApp> {
  const server = { options: { connection: user.url } };
  return startDurable({ server, ...(runner && { runner, worker: {} }) });
}

/** Redis refuses to write while its last save has failed. */
async function failToSave(admin: Redis): Promise<void> {
  await admin.config('SET', 'save', '3600 1');
  await admin.bgsave();
  await until('the save has failed', async () =>
    (await admin.info('persistence')).includes('rdb_last_bgsave_status:err'),
  );
}
