import type { LoggerService } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import { defineTask, type Handles, TaskHandler } from '../../src/index.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { Timeline } from '../support/timeline.js';

const SECRET = 'canary-51c8';
const Charge = defineTask<string>({ name: 'charge', retry: { attempts: 2, delayMs: 0 } });

@TaskHandler(Charge)
class ChargeHandler implements Handles<typeof Charge> {
  run(_card: string): void {
    throw Object.assign(new TypeError('broken'), { card: SECRET });
  }
}

interface Entry {
  readonly msg: string;
  readonly task: object;
}

describe.each(servers)('B30 · a log line about a job on $kind', ({ prepare }) => {
  const server = useServer(prepare);

  it('has the task as an object, for the attempt that is tried again and for the last one', async () => {
    const logged = new Timeline();
    const entries: Entry[] = [];
    const keep = (entry: unknown) => {
      if (typeof entry !== 'object') return;
      entries.push({ ...(entry as Entry) });
      logged.note('a task');
    };
    const logger: LoggerService = { log: keep, warn: keep, error: keep };
    const options = { ...server().options, queueName: `logs-${randomUUID()}` } as BullMqOptions;
    const { app, run } = await startContext({
      imports: [BullMqBackgroundTasksModule.forRoot(options)],
      providers: [ChargeHandler],
    });
    app.useLogger(logger);

    const { id } = await run((tasks) => tasks.enqueue(Charge, SECRET));
    await logged.until('a task', 2);

    const task = { id, name: 'charge', durationMs: expect.any(Number) as number };
    expect(entries.map((entry) => entry.task)).toEqual([
      expect.objectContaining({ ...task, attempt: 1 }),
      expect.objectContaining({ ...task, attempt: 2, state: 'failed' }),
    ]);
    expect(JSON.stringify(entries)).not.toContain(SECRET);
  });
});
