import 'reflect-metadata';
import { Controller, type INestApplication, Module, Param, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { setTimeout as wait } from 'node:timers/promises';
import {
  BackgroundTasksModule,
  currentTask,
  defineTask,
  TaskHandler,
  TaskReports,
  TaskScopes,
} from 'nestjs-background-tasks';
import { BullMqBackgroundTasksModule, type BullMqOptions } from 'nestjs-background-tasks/bullmq';
import { map } from 'rxjs';
import { median, quantile } from './statistics.js';

// REDIS_URL=redis://… DATABASE_URL=postgresql://… npm run bench -- reports: how long a progress takes from the handler to a
// client of @Sse(), and how many tasks a worker does in a second while another task is watched and while none is.

const VALUES = Number(process.env['VALUES'] ?? 500);
const ROUNDS = Number(process.env['ROUNDS'] ?? 7);
const JOBS = Number(process.env['JOBS'] ?? 2_000);

const Export = defineTask({ name: 'export' });
const Small = defineTask({ name: 'small' });
let isHeld = true;
let done = 0;
let allDone: () => void = () => undefined;

@TaskHandler(Export)
class ExportHandler {
  async run(): Promise<void> {
    for (let value = 1; value <= VALUES; value++) {
      currentTask().progress({ value, at: performance.now() });
      await wait(10);
    }
    while (isHeld) await wait(10);
  }
}

@TaskHandler(Small)
class SmallHandler {
  run(): void {
    if (++done === JOBS) allDone();
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

const servers: Record<string, Partial<BullMqOptions> | undefined> = {
  Redis: process.env['REDIS_URL'] ? { connection: process.env['REDIS_URL'] } : undefined,
  PostgreSQL: process.env['DATABASE_URL'] ? { postgres: process.env['DATABASE_URL'], migrate: true } : undefined,
};

console.log(`Node ${process.version}\n\n| | median | p99 | tasks a second, watched / not |\n|---|---|---|---|`);
for (const [name, server] of Object.entries(servers)) {
  if (!server) continue;
  const queueName = `bench-${process.pid}`;
  const web = await application(server, queueName, false);
  const worker = await application(server, queueName, {});
  const scopes = web.get(TaskScopes);
  isHeld = true;
  const id = await scopes.run(({ tasks }) => tasks.enqueue(Export, {}).id);
  const latencies = await watch(`${await web.getUrl()}/exports/${id}/events`);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const unwatched = await run(scopes);
    const subscription = web.get(TaskReports).watch(id).subscribe();
    await wait(500);
    const watched = await run(scopes);
    subscription.unsubscribe();
    await wait(500);
    ratios.push(unwatched / watched);
  }
  const [middle, late] = [median(latencies), quantile(latencies, 0.99)].map((ms) => `${ms.toFixed(1)} ms`);
  console.log(
    `| ${name}, ${latencies.length} values seen of ${VALUES} | ${middle} | ${late} | ${median(ratios).toFixed(2)} |`,
  );
  isHeld = false;
  await Promise.all([web.close(), worker.close()]);
}
process.exit();

async function application(server: Partial<BullMqOptions>, queueName: string, worker: BullMqOptions['worker']) {
  class Root {}
  Module({
    imports: [
      BackgroundTasksModule.forRoot(),
      BullMqBackgroundTasksModule.forRoot({ ...server, queueName, worker } as BullMqOptions),
    ],
    controllers: [ExportsController],
    providers: [ExportHandler, SmallHandler],
  })(Root);
  const app: INestApplication = await NestFactory.create(Root, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  return app;
}

/** Reads the stream up to the last value, and returns how old each one was. */
async function watch(url: string): Promise<number[]> {
  const latencies: number[] = [];
  const { body } = await fetch(url);
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue;
      const { progress } = JSON.parse(line.slice('data: '.length)) as { progress: { value?: number; at: number } };
      if (progress.value === undefined) continue;
      latencies.push(performance.now() - progress.at);
      if (progress.value === VALUES) return latencies;
    }
  }
  return latencies;
}

/** Runs the small tasks, and returns how long that took. */
async function run(scopes: TaskScopes): Promise<number> {
  done = 0;
  const ended = new Promise<void>((resolve) => (allDone = resolve));
  const from = performance.now();
  for (let count = 0; count < JOBS; count += JOBS / 4) {
    await scopes.run(({ tasks }) => {
      for (let index = 0; index < JOBS / 4; index++) tasks.enqueue(Small, {});
    });
  }
  await ended;
  return performance.now() - from;
}
