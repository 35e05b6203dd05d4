import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BackgroundTasksModule, defineTask, TaskHandler, TaskScopes } from 'nestjs-background-tasks';
import { BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import pg from 'pg';
import { median, quantile } from './statistics.js';

// DATABASE_URL=postgresql://… npm run bench -- transactions: tasks that are enqueued within transactions, on a database for
// nothing else. With PEERS=<a folder with graphile-worker and pg-boss in its node_modules>, against those.

const SECONDS = Number(process.env['SECONDS'] ?? 4);
const ROUNDS = 5;
const connectionString = process.env['DATABASE_URL']!;
const pool = new pg.Pool({ connectionString, max: 40 });

const Work = defineTask<{ orderId: string }>({ name: 'work' });
const begun = new Map<string, (at: number) => void>();

@TaskHandler(Work)
class WorkHandler {
  run({ orderId }: { orderId: string }): void {
    begun.get(orderId)?.(performance.now());
  }
}

const producer = await application('commits', false);
const worker = await application('latency', true);
await pool.query('CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY, text text)');
console.log(`| from COMMIT to the start of the handler | median | p99 |\n|---|---|---|\n${await latency(worker)}\n`);

const payload = { orderId: '0b7f1a2c' };
const alone: Variant[] = [
  { name: 'a row', add: () => Promise.resolve() },
  { name: 'a row and `NOTIFY` alone', add: (client) => client.query("SELECT pg_notify('bench', 'x')") },
  { name: 'a row and a task', add: addOurs },
];
console.log(await table(alone, [1, 8, 32], 'commits a second'));
const peers = process.env['PEERS'];
if (peers) console.log(await table([alone[2]!, ...(await peersIn(peers))], [1, 8, 32], 'commits a second'));

await Promise.all([producer.close(), worker.close()]);
await pool.end();
process.exit();

interface Variant {
  readonly name: string;
  readonly add: (client: pg.PoolClient) => Promise<unknown>;
}

function addOurs(client: pg.PoolClient): Promise<unknown> {
  return producer.get(TaskScopes).run(({ tasks }) => tasks.enqueueWithin(client, Work, payload));
}

async function peersIn(folder: string): Promise<Variant[]> {
  const { resolve } = createRequire(pathToFileURL(join(folder, 'x.js')));
  const load = async (name: string) => (await import(pathToFileURL(resolve(name)).href)) as Record<string, unknown>;
  const { runMigrations } = (await load('graphile-worker')) as unknown as {
    runMigrations: (options: object) => Promise<void>;
  };
  await runMigrations({ connectionString });
  const { default: PgBoss } = (await load('pg-boss')) as unknown as { default: new (url: string) => Boss };
  const boss = new PgBoss(connectionString);
  await boss.start();
  await boss.createQueue('work');
  return [
    {
      name: 'graphile-worker `add_job`',
      add: (client) => client.query('SELECT graphile_worker.add_job($1, $2::json)', ['work', JSON.stringify(payload)]),
    },
    {
      name: 'pg-boss `send`',
      add: (client) =>
        boss.send('work', payload, { db: { executeSql: (text, values) => client.query(text, [...values]) } }),
    },
  ];
}

interface Boss {
  start(): Promise<unknown>;
  createQueue(name: string): Promise<unknown>;
  send(
    name: string,
    data: object,
    options: { db: { executeSql(text: string, values: readonly unknown[]): Promise<unknown> } },
  ): Promise<unknown>;
}

/** Commits a second of each variant, the median of rounds in which they take turns. */
async function table(variants: readonly Variant[], writers: readonly number[], unit: string): Promise<string> {
  const lines = [`| ${unit} | ${writers.map((each) => `${each} writer(s)`).join(' | ')} |`];
  lines.push(`|---|${writers.map(() => '---').join('|')}|`);
  const rates = new Map(variants.map(({ name }) => [name, writers.map((): number[] => [])]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [column, count] of writers.entries()) {
      for (const { name, add } of variants) {
        const rate = await commitsASecond(count, add);
        // The first round warms up.
        if (round > 0) rates.get(name)![column]!.push(rate);
      }
    }
  }
  for (const [name, columns] of rates)
    lines.push(`| ${name} | ${columns.map((each) => median(each).toFixed(0)).join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

async function commitsASecond(writers: number, add: Variant['add']): Promise<number> {
  const until = performance.now() + (SECONDS * 1_000) / (ROUNDS + 1);
  const from = performance.now();
  let commits = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      const client = await pool.connect();
      while (performance.now() < until) {
        await client.query('BEGIN');
        await client.query('INSERT INTO orders (text) VALUES ($1)', ['an order']);
        await add(client);
        await client.query('COMMIT');
        commits++;
      }
      client.release();
    }),
  );
  return (commits * 1_000) / (performance.now() - from);
}

async function latency(app: Awaited<ReturnType<typeof application>>): Promise<string> {
  const times: number[] = [];
  for (let index = 0; index < 1_100; index++) {
    const client = await pool.connect();
    const orderId = String(index);
    const started = new Promise<number>((resolve) => begun.set(orderId, resolve));
    await client.query('BEGIN');
    await app.get(TaskScopes).run(({ tasks }) => tasks.enqueueWithin(client, Work, { orderId }));
    const committingAt = performance.now();
    await client.query('COMMIT');
    client.release();
    const took = (await started) - committingAt;
    if (index >= 100) times.push(took);
  }
  return `| 1,000 transactions, one after another | ${median(times).toFixed(1)} ms | ${quantile(times, 0.99).toFixed(1)} ms |`;
}

async function application(queueName: string, hasWorker: boolean) {
  const bullMq = BullMqBackgroundTasksModule.forRoot({
    postgres: connectionString,
    migrate: true,
    queueName,
    ...(!hasWorker && { worker: false }),
  });
  @Module({ imports: [BackgroundTasksModule.forRoot(), bullMq], providers: [WorkHandler] })
  class AppModule {}
  return NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
}
