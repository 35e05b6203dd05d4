import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { type BullBoardInstance, BullBoardModule, InjectBullBoard } from '@bull-board/nestjs';
import { Controller, Module, type OnModuleInit, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import {
  BackgroundTasks,
  BackgroundTasksModule,
  defineTask,
  type Handles,
  TaskHandler,
  Tasks,
} from '../../src/index.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { recordsOf, startInspected } from '../support/inspector.js';
import { sharedBrowser } from '../support/inspector-page.js';
import { type Platform, platforms, type RunningApp } from '../support/platforms.js';
import { prepareRedis } from '../support/redis.js';
import { servers, useServer } from '../support/servers.js';
import type { TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const open = sharedBrowser();
const [express] = platforms;

describe.each(servers)('the page of a process that only enqueues, on $kind', ({ kind, prepare }) => {
  const server = useServer(prepare);

  it.each(platforms)('follows a task through the process that runs it on $name', async (platform) => {
    const queueName = `test-${randomUUID()}`;
    const web = await startWeb(platform, server(), queueName);
    const fact = await factOf(web);
    await fact.getByText('waiting').waitFor();

    const held = deferred();
    await startWorker(server(), queueName, held);
    await fact.getByRole('button', { name: 'look again' }).click();
    await fact.getByText('running, 1 attempt').waitFor();
    held.resolve();
    const { queue } = web.app.get(BullMqBackend);
    await until('the job has ended', async () => (await queue.getCompletedCount()) === 1);
    await fact.getByRole('button', { name: 'look again' }).click();
    await fact.getByText('succeeded, 1 attempt').waitFor();
    await server().stop();
    await fact.getByRole('button', { name: 'look again' }).click();
    await fact.getByText(new RegExp(`could not be looked up: ${kind}: `)).waitFor();

    expect(await fact.getByRole('link').count()).toBe(0);
  });
});

describe('the link to bull-board', () => {
  const server = useServer(() => prepareRedis());

  it('opens the job of the chosen task there', async () => {
    const queueName = `mail-${randomUUID()}`;
    const web = await startWeb(express!, server(), queueName, '/queues');
    const fact = await factOf(web);
    const page = fact.page();

    const popup = page.waitForEvent('popup');
    await fact.getByRole('link', { name: 'its job in bull-board' }).click();
    const board = await popup;
    onTestFinished(() => board.close());

    const [job] = await web.app.get(BullMqBackend).queue.getWaiting();
    expect(new URL(board.url()).pathname).toBe(`/queues/queue/${queueName}/${job!.id}`);
    await board.getByText(job!.id!).first().waitFor();
  });
});

const Send = defineTask({ name: 'send' });

@TaskHandler(Send)
class SendHandler implements Handles<typeof Send> {
  async run(): Promise<void> {}
}

@Controller('mails')
class MailsController {
  @Post()
  send(@Tasks() tasks: BackgroundTasks): void {
    tasks.enqueue(Send, {});
  }
}

@Module({
  imports: [BullBoardModule.forRoot({ route: '/queues', adapter: ExpressAdapter })],
})
class BoardModule implements OnModuleInit {
  constructor(
    @InjectBullBoard() private readonly board: BullBoardInstance,
    private readonly backend: BullMqBackend,
  ) {}

  onModuleInit(): void {
    this.board.addQueue(new BullMQAdapter(this.backend.queue));
  }
}

/** Starts a process that enqueues, and waits until it can. */
async function startWeb(platform: Platform, server: TestServer, queueName: string, bullBoard?: string) {
  const options = { ...server.options, queueName, worker: false } as BullMqOptions;
  const web = await startInspected(platform, {
    controllers: [MailsController],
    providers: [SendHandler],
    imports: [BullMqBackgroundTasksModule.forRoot(options), ...(bullBoard ? [BoardModule] : [])],
    inspector: { unsafe: 'loopback-only', ...(bullBoard && { bullBoard }) },
    isMadeByFactory: true,
  });
  const backend = web.app.get(BullMqBackend);
  await until('the server is ready', () => backend.unavailableBecause === undefined);
  return web;
}

/** Starts a process that runs what others enqueue. Resolves once its first task has begun. */
async function startWorker(server: TestServer, queueName: string, held: Deferred): Promise<void> {
  const begun = deferred();

  @TaskHandler(Send)
  class HeldHandler implements Handles<typeof Send> {
    async run(): Promise<void> {
      begun.resolve();
      await held.promise;
    }
  }

  const bullMq = BullMqBackgroundTasksModule.forRoot({ ...server.options, queueName });
  @Module({ imports: [BackgroundTasksModule.forRoot(), bullMq], providers: [HeldHandler] })
  class WorkerModule {}
  const app = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
  onTestFinished(() => app.close());
  await begun.promise;
}

/** Enqueues a task, chooses it on the page, and returns the line about its backend. */
async function factOf(web: RunningApp) {
  await fetch(`${web.url}/mails`, { method: 'POST' });
  const [mails] = await recordsOf(web);
  const page = await open(web.url, { search: `?id=${mails!.id}&span=task:${mails!.tasks[0]!.id}` });
  return page.locator('.facts dl > div', { hasText: 'Backend' });
}
