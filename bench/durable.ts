import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Queue, Worker } from 'bullmq';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BackgroundTasksModule, defineTask, TaskHandler, TaskScopes } from 'nestjs-background-tasks';
import { BullMqBackend, BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import { Laboratory } from './measure.js';
import { spread } from './statistics.js';

// npm run bench -- durable: the same jobs through this package and through BullMQ alone, in turns, on a Redis of their own.

const pace = { processes: 2, warmupRequests: 2_000, rounds: 10, requestsPerRun: 200, seconds: 25 };
const ROUNDS = 15;
const JOBS = 3_000;
/** Of the `addBulk` and of the unit of work that fill a queue. */
const BATCH = 100;

const Work = defineTask<{ orderId: string }>({ name: 'work' });
let done = 0;
let allDone: () => void = () => undefined;
const count = () => {
  if (++done === JOBS) allDone();
};

@TaskHandler(Work)
class WorkHandler {
  run(): void {
    count();
  }
}

const redis = await startRedis();
const connection = `redis://127.0.0.1:${redis.port}`;
const producer = await application('ours', false);
const scopes = producer.get(TaskScopes);
const plain = new Queue('plain', { connection: { host: '127.0.0.1', port: redis.port } });
const opts = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 604_800, count: 10_000 },
};
while (producer.get(BullMqBackend).unavailableBecause) await new Promise((resolve) => setTimeout(resolve, 10));

const fillOurs = () =>
  scopes.run(({ tasks }) => {
    for (let index = 0; index < BATCH; index++) tasks.enqueue(Work, { orderId: String(index) });
  });
const fillPlain = () =>
  plain.addBulk(
    Array.from({ length: BATCH }, (_, index) => ({ name: 'work', data: { orderId: String(index) }, opts })),
  );

console.log(`Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}, one Redis`);
console.log('Ratios are medians of paired runs (lower–upper quartile); above 1 this package is faster.\n');
console.log('| | against | throughput | own cost |\n|---|---|---|---|');

// The load may sleep: the server and Redis are what is busy, one on each core.
process.env['BENCH_REDIS'] = connection;
const laboratory = new Laboratory(pace, false);
for (const comparison of [
  // The control.
  { variant: '1 job by hand', baseline: '1 job by hand' },
  { variant: '1 task enqueued', baseline: '1 job by hand' },
  { variant: '10 tasks enqueued', baseline: '10 jobs by hand' },
  { variant: '10 tasks enqueued', baseline: '10 jobs by hand, enveloped' },
] as const) {
  const { variant, baseline, throughputRatios, ownCostRatios } = await laboratory.measure(comparison, 'Fastify');
  console.log(`| ${variant} | ${baseline} | ${spread(throughputRatios)} | ${spread(ownCostRatios)} |`);
}

for (const concurrency of [1, 10, 100]) {
  const processed: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const drains = { ours: 0, plain: 0 };
    const sides = [
      { side: 'ours' as const, fill: fillOurs, work: workOurs },
      { side: 'plain' as const, fill: fillPlain, work: workPlain },
    ];
    for (const { side, fill, work } of round % 2 === 0 ? sides : sides.toReversed()) {
      for (let filled = 0; filled < JOBS; filled += BATCH) await fill();
      drains[side] = await work(concurrency);
    }
    // The first round warms up.
    if (round >= 0) processed.push(drains.plain / drains.ours);
  }
  console.log(`| ${JOBS} tasks run, ${concurrency} at a time | a worker of BullMQ | ${spread(processed)} | |`);
}

await producer.close();
await plain.close();
redis.stop();

async function application(queueName: string, worker: false | { concurrency: number }) {
  @Module({
    imports: [BackgroundTasksModule.forRoot(), BullMqBackgroundTasksModule.forRoot({ connection, queueName, worker })],
    providers: [WorkHandler],
  })
  class Root {}
  return NestFactory.createApplicationContext(Root, { logger: false });
}

/** Milliseconds from the first job to the last: a worker takes its time to start, which is not what is measured. */
async function workOurs(concurrency: number): Promise<number> {
  const finished = nextRound();
  const app = await application('ours', { concurrency });
  const took = await finished;
  await app.close();
  return took;
}

async function workPlain(concurrency: number): Promise<number> {
  const finished = nextRound();
  const worker = new Worker('plain', async () => count(), {
    connection: { host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null },
    concurrency,
  });
  const took = await finished;
  await worker.close();
  return took;
}

async function nextRound(): Promise<number> {
  done = 0;
  const finished = new Promise<void>((resolve) => (allDone = resolve));
  while (done === 0) await new Promise(setImmediate);
  const begin = performance.now();
  await finished;
  return performance.now() - begin;
}

async function startRedis(): Promise<{ port: number; stop(): void }> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'];
  const server: ChildProcess = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(new Error('This benchmark needs redis-server on the PATH: run "apt-get install redis-server".')),
    );
    createInterface(server.stdout!).on('line', (line) => line.includes('Ready to accept connections') && resolve());
  });
  return {
    port,
    stop: () => {
      server.kill();
      server.once('close', () => rmSync(folder, { recursive: true }));
    },
  };
}
