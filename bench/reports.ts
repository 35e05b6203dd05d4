import 'reflect-metadata';
import { Controller, type INestApplication, Module, Param, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  BackgroundTasksModule,
  currentTask,
  defineTask,
  TaskHandler,
  TaskReports,
  TaskScopes,
} from 'nestjs-background-tasks';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from 'nestjs-background-tasks/bullmq';
import { map } from 'rxjs';
import { median, quantile, spread } from './statistics.js';

// REDIS_URL=redis://… DATABASE_URL=postgresql://… npm run bench -- reports: how long a progress takes from the handler to a
// client of @Sse(), how many of them that client sees and one who asks ten times a second, and what a task costs a worker
// while another one is watched and while none is. The worker is a process of its own.

const VALUES = Number(process.env['VALUES'] ?? 500);
const ROUNDS = Number(process.env['ROUNDS'] ?? 10);
const JOBS = Number(process.env['JOBS'] ?? 2_000);
const ASK_EVERY_MS = 100;

const Export = defineTask({ name: 'export' });
const Small = defineTask({ name: 'small' });

@TaskHandler(Export)
class ExportHandler {
  /** Ends with its process. */
  async run(): Promise<void> {
    for (let value = 1; value <= VALUES; value++) {
      currentTask().progress({ value, at: now() });
      await wait(10);
    }
    await new Promise(() => undefined);
  }
}

let done = 0;
let from = process.cpuUsage();

@TaskHandler(Small)
class SmallHandler {
  /** Tells the other process what a task has cost, once all have run. */
  run(): void {
    if (done === 0) from = process.cpuUsage();
    if (++done < JOBS) return;
    const { user, system } = process.cpuUsage(from);
    done = 0;
    process.send?.((user + system) / JOBS);
  }
}

@Controller('exports')
class ExportsController {
  constructor(private readonly reports: TaskReports) {}

  @Sse(':id/events')
  watch(@Param('id') id: string) {
    return this.reports.watch(id).pipe(map((report) => ({ data: report })));
  }
}
Reflect.defineMetadata('design:paramtypes', [TaskReports], ExportsController);

interface Place {
  readonly server: Partial<BullMqOptions>;
  readonly queueName: string;
}

const place = process.env['BENCH_PLACE'];
if (place === undefined) await measure();
else await application(JSON.parse(place) as Place, {});

async function measure(): Promise<never> {
  const { REDIS_URL, DATABASE_URL } = process.env;
  const servers: Record<string, Partial<BullMqOptions> | undefined> = {
    Redis: REDIS_URL ? { connection: REDIS_URL } : undefined,
    PostgreSQL: DATABASE_URL ? { postgres: DATABASE_URL, migrate: true } : undefined,
  };
  console.log(`Node ${process.version}\n`);
  console.log(
    '| | median | p99 | seen | seen by one who asks | CPU a task, unwatched / watched | control |\n|---|---|---|---|---|---|---|',
  );
  for (const [name, server] of Object.entries(servers)) if (server) console.log(await row(name, server));
  process.exit();
}

async function row(name: string, server: Partial<BullMqOptions>): Promise<string> {
  const where = { server, queueName: `bench-${process.pid}` };
  const web = await application(where, false);
  const worker = fork(fileURLToPath(import.meta.url), { env: { ...process.env, BENCH_PLACE: JSON.stringify(where) } });
  const scopes = web.get(TaskScopes);
  const told = await latencies(web, await enqueue(scopes, web), watch);
  const asked = await latencies(web, await enqueue(scopes, web), ask);
  const id = await enqueue(scopes, web);
  await costOf(worker, scopes);
  const costs: { unwatched: number[]; again: number[]; watched: number[] } = { unwatched: [], again: [], watched: [] };
  for (let round = 0; round < ROUNDS; round++) {
    costs.unwatched.push(await costOf(worker, scopes));
    const subscription = web.get(TaskReports).watch(id).subscribe();
    await wait(500);
    costs.watched.push(await costOf(worker, scopes));
    subscription.unsubscribe();
    await wait(500);
    costs.again.push(await costOf(worker, scopes));
  }
  worker.kill('SIGKILL');
  await web.close();
  const ratios = (others: readonly number[]) => spread(costs.unwatched.map((cost, index) => cost / others[index]!));
  return (
    `| ${name} | ${ms(median(told))} | ${ms(quantile(told, 0.99))} | ${told.length} of ${VALUES} | ${asked.length} ` +
    `| ${ratios(costs.watched)} | ${ratios(costs.again)} |`
  );
}

async function application({ server, queueName }: Place, worker: BullMqOptions['worker']): Promise<INestApplication> {
  class Root {}
  Module({
    imports: [
      BackgroundTasksModule.forRoot({ lossNotice: false }),
      BullMqBackgroundTasksModule.forRoot({ ...server, queueName, worker } as BullMqOptions),
    ],
    controllers: [ExportsController],
    providers: [ExportHandler, SmallHandler],
  })(Root);
  const app: INestApplication = await NestFactory.create(Root, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  while (app.get(BullMqBackend).unavailableBecause !== undefined) await wait(10);
  return app;
}

async function enqueue(scopes: TaskScopes, web: INestApplication): Promise<string> {
  const { id } = await scopes.run(({ tasks }) => tasks.enqueue(Export, {}));
  while ((await web.get(TaskReports).find(id))?.state !== 'running') await wait(10);
  return id;
}

/** Milliseconds since 1970, with fractions: two processes have no other clock in common. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

interface Progress {
  readonly value?: number;
  readonly at: number;
}

/** Returns how old each progress was that somebody saw. */
async function latencies(
  web: INestApplication,
  id: string,
  see: (web: INestApplication, id: string) => AsyncIterable<Progress>,
): Promise<number[]> {
  const ages: number[] = [];
  let last = 0;
  for await (const { value = 0, at } of see(web, id)) {
    if (value > last) ages.push(now() - at);
    last = value;
    if (value === VALUES) break;
  }
  return ages;
}

async function* watch(web: INestApplication, id: string): AsyncGenerator<Progress> {
  const { body } = await fetch(`${await web.getUrl()}/exports/${id}/events`);
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith('data: ')) yield (JSON.parse(line.slice('data: '.length)) as { progress: Progress }).progress;
    }
  }
}

async function* ask(web: INestApplication, id: string): AsyncGenerator<Progress> {
  for (;;) {
    const report = await web.get(TaskReports).find(id);
    yield report!.progress as unknown as Progress;
    await wait(ASK_EVERY_MS);
  }
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

/** Enqueues the small tasks, and resolves with the microseconds of CPU time that each took the worker. */
async function costOf(worker: ChildProcess, scopes: TaskScopes): Promise<number> {
  const told = once(worker, 'message');
  for (let count = 0; count < JOBS; count += JOBS / 4) {
    await scopes.run(({ tasks }) => {
      for (let index = 0; index < JOBS / 4; index++) tasks.enqueue(Small, {});
    });
  }
  return ((await told) as [number])[0];
}
