import { Redis } from 'ioredis';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import { defineTask, type Handles, TaskHandler } from '../../src/index.js';
import { certificate } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import { prepareRedis } from '../support/redis.js';
import { redisPath } from '../support/requirements.js';
import { startContext } from '../support/start-context.js';
import { TestServer } from '../support/test-server.js';
import { Timeline } from '../support/timeline.js';
import { until } from '../support/until.js';

const Note = defineTask<string>({ name: 'note' });

async function startNotes(options: Partial<BullMqOptions>) {
  const ran = new Timeline();
  @TaskHandler(Note)
  class NoteHandler implements Handles<typeof Note> {
    run(payload: string): void {
      ran.note(payload);
    }
  }
  const imports = [BullMqBackgroundTasksModule.forRoot({ queueName: 'notes', ...options } as BullMqOptions)];
  const context = await startContext({ imports, providers: [NoteHandler] });
  const backend = context.app.get(BullMqBackend);
  const untilUp = () => until('the server takes tasks', () => backend.unavailableBecause === undefined);
  return { ...context, ran, backend, untilUp };
}

/** Starts a Redis, which is removed when the test ends. */
async function startRedis(...settings: string[]): Promise<TestServer> {
  const redis = await prepareRedis(...settings);
  onTestFinished(() => redis.remove());
  await redis.start();
  return redis;
}

describe('a Redis behind TLS', () => {
  it('takes and runs tasks, and refuses a certificate that nobody vouches for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    await writeFile(key, certificate.key);
    await writeFile(cert, certificate.cert);
    const port = await freePort();
    const files = ['--tls-key-file', key, '--tls-cert-file', cert, '--tls-ca-cert-file', cert];
    await startRedis('--tls-port', String(port), '--tls-auth-clients', 'no', ...files);
    const address = { host: 'localhost', port };

    const trusted = await startNotes({ connection: { ...address, tls: { ca: certificate.cert } } });
    await trusted.untilUp();
    await trusted.run((tasks) => tasks.enqueue(Note, 'over TLS'));
    await trusted.ran.until('over TLS');
    const strange = await startNotes({ connection: { ...address, tls: {} }, worker: false });
    await until(
      'the certificate is refused',
      () => strange.backend.unavailableBecause?.includes('certificate') === true,
    );

    expect(strange.backend.unavailableBecause).toContain('self-signed certificate');
  });
});

describe('a Redis behind Sentinel', () => {
  it('takes tasks again after a failover, and loses none that was replicated', { timeout: 120_000 }, async () => {
    const first = await startRedis();
    await startRedis('--replicaof', '127.0.0.1', new URL(first.url).port);
    const sentinel = await startSentinel(first);
    const { ran, run, untilUp, backend } = await startNotes({
      connection: { sentinels: [{ host: '127.0.0.1', port: sentinel }], name: 'main' },
    });
    await untilUp();
    await run((tasks) => tasks.enqueue(Note, 'before'));
    await ran.until('before');
    await backend.queue.add('note', {}, { delay: 3_600_000, jobId: 'kept' });
    await replicated(first);

    await first.kill();
    await until('the first is gone', () => backend.unavailableBecause !== undefined);
    await until('the second takes tasks', () => backend.unavailableBecause === undefined);
    await run((tasks) => tasks.enqueue(Note, 'after'));
    await ran.until('after');

    expect(ran.events).toEqual(['before', 'after']);
    expect(await backend.queue.getJob('kept')).toBeDefined();
  });
});

/** Starts a Sentinel that makes a replica the main one when that is gone. Returns its port. */
async function startSentinel(main: TestServer): Promise<number> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-'));
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor main 127.0.0.1 ${new URL(main.url).port} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 2000',
  ];
  const file = join(folder, 'sentinel.conf');
  await writeFile(file, settings.join('\n'));
  const sentinel = spawn(await redisPath(), [file, '--sentinel'], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(async () => {
    sentinel.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });
  // It has to know the replica, or it has none to promote.
  await new Promise<void>((resolve) => {
    createInterface(sentinel.stdout).on('line', (line) => line.includes('+slave') && resolve());
  });
  return port;
}

/** Resolves once a replica has everything. */
async function replicated({ url }: TestServer): Promise<void> {
  const client = new Redis(url);
  const replicas = await client.wait(1, 5_000);
  client.disconnect();
  expect(replicas).toBe(1);
}
