import { BullModule, InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import { Injectable } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasksRef, currentTask, UnitOfWork } from '../../src/index.js';
import { CalledUnits } from '../../src/scope/called-units.js';
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
  async process({ name, data, attemptsMade }: Job<{ readonly failures: number }>): Promise<string> {
    const { current } = this.ref;
    current.addTask(timeline.note, `task of ${name} ${attemptsMade}`);
    current
      .with({ runOn: 'failure' })
      .addTask(() => timeline.note(`failed: ${messageOf(currentTask().outcome.error)}`));
    if (attemptsMade < data.failures) throw new Error(`attempt ${attemptsMade}`);
    return 'sent';
  }
}

@Injectable()
class Sender {
  constructor(@InjectQueue('mails') readonly queue: Queue) {}
}

describe('B11 @UnitOfWork() on process() of a @Processor() of @nestjs/bullmq', () => {
  it('runs the tasks after the job', async () => {
    const { queue, host } = await start();

    await queue.add('welcome', { failures: 0 });
    await timeline.until('task of welcome 0');
    await host.onIdle();

    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 1, discarded: 1 });
  });

  it('makes each attempt of a job a unit, which fails by itself', async () => {
    const { app, queue, host } = await start();

    await queue.add('welcome', { failures: 2 }, { attempts: 3 });
    await timeline.until('task of welcome 2');
    await host.onIdle();

    expect(timeline.events).toEqual(['failed: attempt 0', 'failed: attempt 1', 'task of welcome 2']);
    expect(host.stats()).toMatchObject({ accepted: 6, succeeded: 3, discarded: 3 });
    expect(app.get(CalledUnits).size).toBe(0);
  });

  async function start() {
    const redis = await prepareRedis();
    await redis.start();
    onTestFinished(() => redis.stop());
    const { hostname: host, port } = new URL(redis.url);
    const running = await startContext({
      imports: [
        BullModule.forRoot({ connection: { host, port: Number(port) } }),
        BullModule.registerQueue({ name: 'mails' }),
      ],
      providers: [Mails, Sender],
    });
    return { ...running, queue: running.app.get(Sender).queue };
  }
});

function messageOf(error: unknown): string {
  return (error as Error).message;
}
