import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AsyncLocalStorage } from 'node:async_hooks';
import PQueue from 'p-queue';
import { Bench } from 'tinybench';
import { type BackgroundTasks, BackgroundTasksModule, TaskScopes } from 'nestjs-background-tasks';
import { BATCH, type MicroName } from './micro-names.js';
import { work } from './variants/work.js';

// What one no-op task costs without a server around it: node micro.js <name>. A process for each,
// because what one has done to the optimiser and to AsyncLocalStorage the next would pay for.

@Module({ imports: [BackgroundTasksModule.forRoot({ maxPending: Infinity })] })
class Root {}

async function tasks(add: (tasks: BackgroundTasks) => void): Promise<() => Promise<void>> {
  const app = await NestFactory.createApplicationContext(Root, { logger: false });
  const scopes = app.get(TaskScopes);
  return () =>
    scopes.run((scope) => {
      for (let index = 0; index < BATCH; index++) add(scope.tasks);
    });
}

const cases: Record<MicroName, () => Promise<() => Promise<void>>> = {
  addTask: () => tasks((scope) => scope.addTask(work, 1)),
  'addTask with timeoutMs': () => tasks((scope) => scope.with({ timeoutMs: 1_000 }).addTask(work, 1)),
  'addTask with retry': () => tasks((scope) => scope.with({ retry: { attempts: 3 } }).addTask(work, 1)),
  'addTask, AsyncLocalStorage active': async () => {
    const run = await tasks((scope) => scope.addTask(work, 1));
    const storage = new AsyncLocalStorage<object>();
    return () => storage.run({}, run);
  },
  'p-queue': async () => async () => {
    const queue = new PQueue({ concurrency: 1 });
    for (let index = 0; index < BATCH; index++) void queue.add(() => work(1));
    await queue.onIdle();
  },
  'p-queue, AsyncLocalStorage active': async () => {
    const run = await cases['p-queue']();
    const storage = new AsyncLocalStorage<object>();
    return () => storage.run({}, run);
  },
  'promise chain': async () => async () => {
    let chain = Promise.resolve();
    for (let index = 0; index < BATCH; index++) chain = chain.then(() => work(1));
    await chain;
  },
};

const [, , name, milliseconds] = process.argv as [string, string, MicroName, string];
const bench = new Bench({ time: Number(milliseconds), warmupTime: Number(milliseconds) }).add(
  name,
  await cases[name](),
);
await bench.run();
const { latency } = bench.tasks[0]!.result as { latency: { p50: number } };
process.stdout.write(String((latency.p50 * 1e6) / BATCH), () => process.exit());
