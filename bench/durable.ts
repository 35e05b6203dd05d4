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
import { spread } from './statistics.js';

// npm run bench -- durable: the same jobs through this package and through BullMQ alone, in turns, on a Redis of their own.

const ROUNDS = 11;
/** Requests of a round, and the tasks that each enqueues. */
const REQUESTS = 300;
const BATCH = 10;
/** Requests that are under way at a time, as on a busy server. */
const IN_FLIGHT = 20;
const CONCURRENCY = 10;
const JOBS = REQUESTS * BATCH;

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
const ours = { producer: await application('ours', false), worker: () => application('ours', { concurrency: CONCURRENCY }) };
const scopes = ours.producer.get(TaskScopes);
const plain = new Queue('plain', { connection: { host: '127.0.0.1', port: redis.port } });
const opts = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 604_800, count: 10_000 },
};
while (ours.producer.get(BullMqBackend).unavailableBecause) await new Promise((resolve) => setTimeout(resolve, 10));

const enqueueOurs = () =>
  scopes.run(({ tasks }) => {
    for (let index = 0; index < BATCH; index++) tasks.enqueue(Work, { orderId: String(index) });
  });
const enqueuePlain = () =>
  plain.addBulk(Array.from({ length: BATCH }, (_, index) => ({ name: 'work', data: { orderId: String(index) }, opts })));

const enqueued: number[] = [];
const processed: number[] = [];
for (let round = -1; round < ROUNDS; round++) {
  const times = { ours: 0, plain: 0 };
  const drains = { ours: 0, plain: 0 };
  const sides = [
    { side: 'ours' as const, enqueue: enqueueOurs, work: workOurs },
    { side: 'plain' as const, enqueue: enqueuePlain, work: workPlain },
  ];
  for (const { side, enqueue, work } of round % 2 === 0 ? sides : sides.toReversed()) {
    times[side] = await timed(() => inParallel(enqueue));
    drains[side] = await work();
  }
  // The first round warms up.
  if (round < 0) continue;
  enqueued.push(times.plain / times.ours);
  processed.push(drains.plain / drains.ours);
}

console.log(
  `Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}, ${ROUNDS} rounds of ${JOBS} jobs on one Redis`,
);
console.log('Ratios are medians of paired rounds (lower–upper quartile); above 1 this package is faster.\n');
console.log('| | throughput against BullMQ alone |\n|---|---|');
console.log(`| enqueue, ${BATCH} tasks a request, ${IN_FLIGHT} requests at a time | ${spread(enqueued)} |`);
console.log(`| process, one worker of concurrency ${CONCURRENCY} | ${spread(processed)} |`);

await ours.producer.close();
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
async function workOurs(): Promise<number> {
  const finished = nextRound();
  const app = await ours.worker();
  const took = await finished;
  await app.close();
  return took;
}

async function workPlain(): Promise<number> {
  const finished = nextRound();
  const worker = new Worker('plain', async () => count(), {
    connection: { host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null },
    concurrency: CONCURRENCY,
  });
  const took = await finished;
  await worker.close();
  return took;
}

async function nextRound(): Promise<number> {
  done = 0;
  const finished = new Promise<void>((resolve) => (allDone = resolve));
  while (done === 0) await new Promise(setImmediate);
  return timed(() => finished);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function inParallel(enqueue: () => Promise<unknown>): Promise<void> {
  let left = REQUESTS;
  const lane = async () => {
    while (left-- > 0) await enqueue();
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
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
