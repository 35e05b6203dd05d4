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
for (const count of [1, 100, 10_000]) {
  const times: number[] = [];
  for (let round = 0; round < 200_000 / count && round < 5_000; round++) times.push(await settleTogether(count));
  inFlight[count] = median(times.slice(times.length / 2));
}

/** Microseconds to settle each of that many tasks, which wait for one that runs. */
async function settleTogether(count: number): Promise<number> {
  const { settle, run } = await waitingTasks(count);
  const begin = performance.now();
  settle();
  await run;
  return ((performance.now() - begin) * 1_000) / (count + 1);
}

globalThis.gc!();
const before = process.memoryUsage().heapUsed;
const many = await waitingTasks(10_000);
globalThis.gc!();
const waitingBytes = (process.memoryUsage().heapUsed - before) / 10_000;
many.settle();
await many.run;

async function waitingTasks(count: number): Promise<{ settle: () => void; run: Promise<void> }> {
  let settle!: () => void;
  const gate = new Promise<void>((resolve) => (settle = resolve));
  const run = scopes.run(({ tasks }) => {
    tasks.addTask(() => gate);
    for (let index = 0; index < count; index++) tasks.addTask(work, index);
  });
  while (app.get(BackgroundTasksHost).stats().running === 0) await new Promise(setImmediate);
  return { settle, run };
}

process.stdout.write(JSON.stringify({ byScopeSize, inFlight, waitingBytes }));
await app.close();
