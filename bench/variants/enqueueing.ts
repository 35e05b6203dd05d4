import { Controller, Get } from '@nestjs/common';
import { Queue } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { type BackgroundTasks, defineTask, TaskHandler, Tasks } from 'nestjs-background-tasks';
import { answer } from './work.js';

/** Where the Redis of the benchmark is; set by `durable.ts`. */
export const redisUrl = process.env['BENCH_REDIS'] ?? '';

const BATCH = 10;
const Work = defineTask<{ orderId: string }>({ name: 'work' });

@TaskHandler(Work)
export class WorkHandler {
  run(): void {}
}

@Controller()
export class EnqueueOne {
  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    tasks.enqueue(Work, { orderId: '0' });
    return answer;
  }
}

@Controller()
export class EnqueueTen {
  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    for (let index = 0; index < BATCH; index++) tasks.enqueue(Work, { orderId: String(index) });
    return answer;
  }
}

/** What the package says by default. */
const retries = { attempts: 3, backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 } };
const retention = { removeOnComplete: { age: 3_600, count: 1_000 }, removeOnFail: { age: 604_800, count: 10_000 } };

@Controller()
export class AddOne {
  readonly #queue = new Queue('by-hand', { connection: { url: redisUrl } });

  @Get()
  async get() {
    await this.#queue.add('work', { orderId: '0' }, { ...retries, ...retention });
    return answer;
  }
}

@Controller()
export class AddTen {
  readonly #queue = new Queue('by-hand', { connection: { url: redisUrl } });

  @Get()
  async get() {
    const opts = { ...retries, ...retention };
    await this.#queue.addBulk(
      Array.from({ length: BATCH }, (_, index) => ({ name: 'work', data: { orderId: String(index) }, opts })),
    );
    return answer;
  }
}

/** With an id of its own, which makes a retry the same job, and the data that a worker of ours needs. */
@Controller()
export class AddTenEnveloped {
  readonly #queue = new Queue('enveloped', { connection: { url: redisUrl } });

  @Get()
  async get() {
    await this.#queue.addBulk(
      Array.from({ length: BATCH }, (_, index) => {
        const id = randomUUID();
        const data = { v: 1, name: 'work', id, payload: { orderId: String(index) }, context: {} };
        return { name: 'work', data, opts: { ...retries, jobId: `t${id}` } };
      }),
    );
    return answer;
  }
}
