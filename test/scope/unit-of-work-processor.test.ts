import { BullModule, InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { expect, it, onTestFinished } from 'vitest';
import { BackgroundTasksRef, UnitOfWork } from '../../src/index.js';
import { prepareRedis } from '../support/redis.js';
import { startContext } from '../support/start-context.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();

@Processor('mails')
class Mails extends WorkerHost {
  constructor(private readonly ref: BackgroundTasksRef) {
    super();
  }

  @UnitOfWork()
  async process(job: Job): Promise<string> {
    this.ref.current.addTask(timeline.note, `task of ${job.name}`);
    return 'sent';
  }
}

@Injectable()
class Sender {
  constructor(@InjectQueue('mails') readonly queue: Queue) {}
}

it('B11 @UnitOfWork() runs the tasks of a @Processor() of @nestjs/bullmq after its job', async () => {
  const redis = await prepareRedis();
  await redis.start();
  onTestFinished(() => redis.stop());
  const { hostname: host, port } = new URL(redis.url);
  const { app, host: tasks } = await startContext({
    imports: [
      BullModule.forRoot({ connection: { host, port: Number(port) } }),
      BullModule.registerQueue({ name: 'mails' }),
    ],
    providers: [Mails, Sender],
  });

  await app.get(Sender).queue.add('welcome', {});
  await timeline.until('task of welcome');
  await tasks.onIdle();

  expect(tasks.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
});
