import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AsyncLocalStorage } from 'node:async_hooks';
import PQueue from 'p-queue';
import { Bench } from 'tinybench';
import { type BackgroundTasks, BackgroundTasksHost, BackgroundTasksModule, TaskScopes } from 'nestjs-background-tasks';
import { work } from './variants/work.js';

// What one task costs without a server around it. Prints JSON for its parent.

@Module({ imports: [BackgroundTasksModule.forRoot({ maxPending: Infinity })] })
class Root {}

/** Enough tasks in a scope that the scope itself does not count. */
const BATCH = 1_000;

const app = await NestFactory.createApplicationContext(Root, { logger: false });
const scopes = app.get(TaskScopes);

const batch = (add: (tasks: BackgroundTasks) => void) => () =>
  scopes.run(({ tasks }) => {
    for (let index = 0; index < BATCH; index++) add(tasks);
  });

const bench = new Bench({ time: 500, warmupTime: 200 })
  .add(
    'addTask',
    batch((tasks) => tasks.addTask(work, 1)),
  )
  .add(
    'addTask with timeoutMs',
    batch((tasks) => tasks.with({ timeoutMs: 1_000 }).addTask(work, 1)),
  )
  .add(
    'addTask with retry',
    batch((tasks) => tasks.with({ retry: { attempts: 3 } }).addTask(work, 1)),
  )
  .add('p-queue', async () => {
    const queue = new PQueue({ concurrency: 1 });
    for (let index = 0; index < BATCH; index++) void queue.add(() => work(1));
    await queue.onIdle();
  })
  .add('promise chain', async () => {
    let chain = Promise.resolve();
    for (let index = 0; index < BATCH; index++) chain = chain.then(() => work(1));
    await chain;
  });
await bench.run();

/** Microseconds a task, by how many one scope has. */
const byScopeSize: Record<number, number> = {};
for (const size of [1, 10, 100, 1_000]) {
  const rounds = 20_000 / size;
  for (let warmup = 0; warmup < 2; warmup++) byScopeSize[size] = await timed(rounds, size);
}

async function timed(rounds: number, size: number): Promise<number> {
  const begin = performance.now();
  for (let round = 0; round < rounds; round++) {
    await scopes.run(({ tasks }) => {
      for (let index = 0; index < size; index++) tasks.addTask(work, 1);
    });
  }
  return ((performance.now() - begin) * 1_000) / (rounds * size);
}

/** Bytes of heap a waiting task holds, and microseconds to settle each, by how many wait at a time. */
const inFlight: Record<number, { bytes: number; microseconds: number }> = {};
for (const count of [1, 100, 10_000]) {
  let settle!: () => void;
  const gate = new Promise<void>((resolve) => (settle = resolve));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const run = scopes.run(({ tasks }) => {
    tasks.addTask(() => gate);
    for (let index = 0; index < count; index++) tasks.addTask(work, index);
  });
  while (app.get(BackgroundTasksHost).stats().running === 0) await new Promise(setImmediate);
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  const begin = performance.now();
  settle();
  await run;
  inFlight[count] = { bytes, microseconds: ((performance.now() - begin) * 1_000) / count };
}

// Last: from the first store on, every promise of the process costs more.
const storage = new AsyncLocalStorage<object>();
const withStore = new Bench({ time: 500, warmupTime: 200 }).add('addTask, AsyncLocalStorage active', () =>
  storage.run(
    {},
    batch((tasks) => tasks.addTask(work, 1)),
  ),
);
await withStore.run();

const nanosecondsPerTask = Object.fromEntries(
  [...bench.tasks, ...withStore.tasks].map((task) => [
    task.name,
    (task.result as { latency: { p50: number } }).latency.p50 * (1e6 / BATCH),
  ]),
);

process.stdout.write(JSON.stringify({ nanosecondsPerTask, byScopeSize, inFlight }));
await app.close();
