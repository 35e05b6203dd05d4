import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  BackgroundTasksModule,
  defineTask,
  type TaskDefinition,
  TaskHandler,
  TaskScopes,
} from 'nestjs-background-tasks';
import { BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import pg from 'pg';
import { median } from './statistics.js';

// DATABASE_URL=postgresql://… npm run bench -- batches: 10,000 audit entries in batches of 100, against a task and an INSERT
// for each. With REDIS_URL=redis://… also on BullMQ. Either way one INSERT runs at a time.

interface Entry {
  readonly userId: string;
  readonly action: string;
}

const ENTRIES = 10_000;
const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const PER_UNIT = 1_000;
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL']!, max: 1 });
/** Milliseconds of all statements, and the entries that are written. */
const spent = { databaseMs: 0, written: 0, allWritten: () => {} };

const WriteOne = defineTask<Entry>({ name: 'write-one' });
const WriteMany = defineTask<Entry>({ name: 'write-many', batch: { maxSize: 100, maxWaitMs: 200 } });

@TaskHandler(WriteOne)
class WriteOneHandler {
  run({ userId, action }: Entry): Promise<void> {
    return write(1, 'INSERT INTO audit (user_id, action) VALUES ($1, $2)', [userId, action]);
  }
}

@TaskHandler(WriteMany)
class WriteManyHandler {
  runBatch(entries: readonly Entry[]): Promise<void> {
    const columns = [entries.map(({ userId }) => userId), entries.map(({ action }) => action)];
    const statement = 'INSERT INTO audit (user_id, action) SELECT * FROM unnest($1::text[], $2::text[])';
    return write(entries.length, statement, columns);
  }
}

async function write(count: number, statement: string, values: unknown[]): Promise<void> {
  const from = performance.now();
  await pool.query(statement, values);
  spent.databaseMs += performance.now() - from;
  spent.written += count;
  if (spent.written === ENTRIES) spent.allWritten();
}

await pool.query('DROP TABLE IF EXISTS audit');
await pool.query(
  'CREATE TABLE audit (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), user_id text, action text)',
);
const connection = process.env['REDIS_URL'];
console.log(`| ${ENTRIES} entries | database | queue | in all |\n|---|---|---|---|`);
for (const where of connection ? ['in process', 'BullMQ on Redis'] : ['in process']) {
  const app = await application(where === 'in process' ? undefined : connection);
  const scopes = app.get(TaskScopes);
  const variants = [
    { name: 'one by one', definition: WriteOne, times: [] as number[][] },
    { name: 'in batches of 100', definition: WriteMany, times: [] as number[][] },
  ];
  // One to warm up, then in turns.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { definition, times } of variants) {
      const measured = await measure(scopes, definition);
      if (round > 0) times.push(measured);
    }
  }
  const medians = variants.map(({ times }) => [0, 1].map((index) => median(times.map((each) => each[index]!))));
  for (const [index, { name }] of variants.entries()) {
    const [database, all] = medians[index]! as [number, number];
    console.log(`| ${where}, ${name} | ${seconds(database)} | ${seconds(all - database)} | ${seconds(all)} |`);
  }
  const [one, many] = medians as [number[], number[]];
  console.log(
    `| ${where}, times as long | ${(one[0]! / many[0]!).toFixed(1)} | | ${(one[1]! / many[1]!).toFixed(1)} |`,
  );
  await app.close();
}
await pool.end();
process.exit();

/** Enqueues all entries and waits until they are written. Returns the milliseconds of the statements, and of everything. */
async function measure(scopes: TaskScopes, definition: TaskDefinition<Entry>): Promise<number[]> {
  await pool.query('TRUNCATE audit');
  const written = new Promise<void>((resolve) =>
    Object.assign(spent, { databaseMs: 0, written: 0, allWritten: resolve }),
  );
  const from = performance.now();
  for (let first = 0; first < ENTRIES; first += PER_UNIT) {
    await scopes.run(({ tasks }) => {
      for (let n = first; n < first + PER_UNIT; n++) {
        tasks.enqueue(definition, { userId: `user ${n % 100}`, action: 'signed in from a new device' });
      }
    });
  }
  await written;
  const { databaseMs } = spent;
  return [databaseMs, performance.now() - from];
}

function application(redis: string | undefined) {
  const bullMq =
    redis &&
    BullMqBackgroundTasksModule.forRoot({
      connection: redis,
      queueName: `bench-${Date.now()}`,
      worker: { concurrency: 1 },
      removeOnComplete: true,
    });
  class BenchModule {}
  Module({
    imports: [BackgroundTasksModule.forRoot({ maxPending: ENTRIES }), ...(bullMq ? [bullMq] : [])],
    providers: [WriteOneHandler, WriteManyHandler],
  })(BenchModule);
  return NestFactory.createApplicationContext(BenchModule, { logger: ['error'] });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
