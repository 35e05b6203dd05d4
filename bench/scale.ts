import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BackgroundTasksHost, BackgroundTasksModule, TaskScopes } from 'nestjs-background-tasks';
import { work } from './variants/work.js';

// What a task costs by how many there are, without a server around it. Prints JSON for its parent.

@Module({ imports: [BackgroundTasksModule.forRoot({ maxPending: Infinity })] })
class Root {}

const app = await NestFactory.createApplicationContext(Root, { logger: false });
const scopes = app.get(TaskScopes);

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

/** Microseconds to settle each of that many tasks that wait at a time. */
const inFlight: Record<number, number> = {};
/** Bytes of heap that each of 10,000 waiting tasks holds. */
let waitingBytes = 0;
for (const count of [1, 100, 10_000]) {
  await waitingTasks(count);
  const { microseconds, bytes } = await waitingTasks(count);
  inFlight[count] = microseconds;
  waitingBytes = bytes;
}

async function waitingTasks(count: number): Promise<{ bytes: number; microseconds: number }> {
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
  return { bytes, microseconds: ((performance.now() - begin) * 1_000) / count };
}

process.stdout.write(JSON.stringify({ byScopeSize, inFlight, waitingBytes }));
await app.close();
