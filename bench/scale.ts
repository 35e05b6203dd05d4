import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BackgroundTasksHost, BackgroundTasksModule, TaskScopes } from 'nestjs-background-tasks';
import { median } from './statistics.js';
import { work } from './variants/work.js';

// What a task costs by how many there are, without a server around it. Prints JSON for its parent.

export interface Scale {
  /** Microseconds a task, by how many one scope has. */
  readonly byScopeSize: Readonly<Record<string, number>>;
  /** Microseconds to settle each of that many tasks that wait at a time. */
  readonly inFlight: Readonly<Record<string, number>>;
  /** Bytes of heap that each of 10,000 waiting tasks holds. */
  readonly waitingBytes: number;
}

@Module({ imports: [BackgroundTasksModule.forRoot({ maxPending: Infinity })] })
class Root {}

const app = await NestFactory.createApplicationContext(Root, { logger: false });
const scopes = app.get(TaskScopes);

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

const inFlight: Record<number, number> = {};
let waitingBytes = 0;
for (const count of [1, 100, 10_000]) {
  const rounds = Math.max(20, 200 / count);
  const results: Awaited<ReturnType<typeof waitingTasks>>[] = [];
  for (let round = 0; round < rounds; round++) results.push(await waitingTasks(count));
  inFlight[count] = median(results.map(({ microseconds }) => microseconds));
  waitingBytes = median(results.map(({ bytes }) => bytes));
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
