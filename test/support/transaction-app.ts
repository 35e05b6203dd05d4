import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqPostgresOptions } from '../../src/bullmq/index.js';
import { type BackgroundTasks, defineTask, type Handles, TaskHandler } from '../../src/index.js';
import { withinPg } from './transactions.js';
import { startContext } from './start-context.js';
import type { TestServer } from './test-server.js';
import { Timeline } from './timeline.js';

export const Note = defineTask<string>({ name: 'note' });

/** Starts an application whose queue is in that PostgreSQL, and which notes the payload of each task that it runs. */
export async function startNotes(server: TestServer, options: Partial<BullMqPostgresOptions> = {}) {
  const ran = new Timeline();
  @TaskHandler(Note)
  class NoteHandler implements Handles<typeof Note> {
    run(payload: string): void {
      ran.note(payload);
    }
  }
  const queue = { postgres: server.url, migrate: true, queueName: randomUUID(), ...options };
  const context = await startContext({
    imports: [BullMqBackgroundTasksModule.forRoot(queue)],
    providers: [NoteHandler],
  });
  const pool = openPool(server.url);
  const within = <T>(work: (client: pg.PoolClient, tasks: BackgroundTasks) => Promise<T>, begin?: string) =>
    context.run((tasks) => withinPg(pool, (client) => work(client, tasks), begin));
  return { ...context, ran, pool, within, backend: context.app.get(BullMqBackend), queueName: queue.queueName };
}

/** Opens a pool that is closed when the test ends. */
export function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 50 });
  pool.on('error', () => undefined);
  onTestFinished(() => pool.end());
  return pool;
}
