import { Controller, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BackgroundTasks,
  currentTask,
  defineTask,
  type Handles,
  type HandlesBatch,
  TaskHandler,
  Tasks,
} from '../../src/index.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';
import { useTimeline } from '../support/timeline.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const timeline = useTimeline();

const hourly = { attempts: 3, delayMs: HOUR, maxDelayMs: 2 * HOUR, jitter: 0 };
const Stubborn = defineTask<string>({ name: 'stubborn', retry: hourly });
const Row = defineTask<number>({ name: 'row', batch: { maxSize: 100, maxWaitMs: MINUTE } });

/** The minutes of the moved clock at which something happened. */
const note = (what: string) => timeline.note(`${what} at ${Math.round((Date.now() - begunAt) / MINUTE)}`);
let begunAt = 0;

function failTwice(): void {
  note(`attempt ${currentTask().attempt}`);
  if (currentTask().attempt < 3) throw new Error('not yet');
}

async function hang(): Promise<void> {
  const { signal } = currentTask();
  await new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => {
      note((signal.reason as Error).name);
      reject(signal.reason as Error);
    }),
  );
}

@TaskHandler(Stubborn)
class StubbornHandler implements Handles<typeof Stubborn> {
  run(): void {
    failTwice();
  }
}

@TaskHandler(Row)
class RowHandler implements HandlesBatch<typeof Row> {
  runBatch(rows: readonly number[]): void {
    note(`rows ${rows.join(' ')}`);
  }
}

@Controller('work')
class WorkController {
  @Post('retried')
  retried(@Tasks() tasks: BackgroundTasks): void {
    tasks.with({ retry: hourly }).addTask(failTwice);
  }

  @Post('limited')
  limited(@Tasks() tasks: BackgroundTasks): void {
    tasks.with({ timeoutMs: MINUTE }).addTask(hang);
  }

  @Post('named')
  named(@Tasks() tasks: BackgroundTasks): void {
    tasks.enqueue(Stubborn, 'x');
  }

  @Post('batched')
  batched(@Tasks() tasks: BackgroundTasks): void {
    tasks.enqueue(Row, 1);
    tasks.enqueue(Row, 2);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  begunAt = Date.now();
});
afterEach(() => {
  vi.useRealTimers();
});

describe.each(platforms)('vi.useFakeTimers() on $name', (platform) => {
  async function post(path: string) {
    const { app, url } = await startApp(platform, {
      controllers: [WorkController],
      providers: [StubbornHandler, RowHandler],
    });
    const { status } = await fetchText(`${url}/work/${path}`, { method: 'POST' });
    expect(status).toBe(201);
    return app;
  }

  it.each(['retried', 'named'])('moves the waits of a task that is %s', async (path) => {
    const app = await post(path);
    await timeline.until('attempt 1 at 0');

    await vi.advanceTimersByTimeAsync(3 * HOUR);
    await settled(app);

    expect(timeline.events).toEqual(['attempt 1 at 0', 'attempt 2 at 60', 'attempt 3 at 180']);
  });

  it('moves a time limit', async () => {
    const app = await post('limited');
    const failure = settled(app).catch((error: unknown) => error);

    await vi.advanceTimersByTimeAsync(MINUTE);

    expect(await failure).toMatchObject({ code: 'TASKS_FAILED', cause: { name: 'TimeoutError' } });
    expect(timeline.events).toEqual(['TimeoutError at 1']);
  });

  it('moves the wait of a batch', async () => {
    const app = await post('batched');

    await vi.advanceTimersByTimeAsync(MINUTE);
    await settled(app);

    expect(timeline.events).toEqual(['rows 1 2 at 1']);
  });

  it('moves the waits of runAll({ app })', async () => {
    const recorded = new RecordingBackgroundTasks();
    const { app } = await startApp(platform, { providers: [StubbornHandler, RowHandler] });
    recorded.enqueue(Stubborn, 'x');

    const running = recorded.runAll({ app });
    await vi.advanceTimersByTimeAsync(3 * HOUR);

    expect(await running).toMatchObject([{ state: 'succeeded', attempts: 3 }]);
    expect(timeline.events).toEqual(['attempt 1 at 0', 'attempt 2 at 60', 'attempt 3 at 180']);
  });
});
