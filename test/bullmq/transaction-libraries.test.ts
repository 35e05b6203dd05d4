import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule } from '../../src/bullmq/index.js';
import { defineTask, type Handles, type JsonValue, TaskHandler, type Transaction } from '../../src/index.js';
import { preparePostgres } from '../support/postgres.js';
import { useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { libraries } from '../support/transactions.js';
import { Timeline } from '../support/timeline.js';

const Echo = defineTask<JsonValue>({ name: 'echo' });

/** What a library could take for its own: placeholders of each kind, quotes, escapes, and more than Latin letters. */
const HOSTILE = {
  placeholders: '? ?? \\? $1 $2 $$ :name :1 @p1 %s {0}',
  quotes: `' '' " \` \\' E'\\n' $tag$ -- /* */ ; DROP TABLE bullmq.job;`,
  escapes: 'back\\slash, line\nbreak, tab\t, \u0001 and \u2028',
  letters: 'Zoë, 日本語, עברית, 👩‍👩‍👧, e\u0301',
  'a key? $1 \'"': [null, true, 1e21, -0.5, [], {}],
};

describe.each(libraries)('B39 · enqueueWithin() in a transaction of $name', (library) => {
  const server = useServer(preparePostgres);

  async function start() {
    const received: JsonValue[] = [];
    const timeline = new Timeline();
    @TaskHandler(Echo)
    class EchoHandler implements Handles<typeof Echo> {
      run(payload: JsonValue): void {
        received.push(payload);
        timeline.note('ran');
      }
    }
    const bullMq = BullMqBackgroundTasksModule.forRoot({
      postgres: server().url,
      migrate: true,
      queueName: randomUUID(),
    });
    const context = await startContext({ imports: [bullMq], providers: [EchoHandler] });
    const opened = await library.open(server().url);
    return { ...context, ...opened, received, timeline, queue: context.app.get(BullMqBackend).queue };
  }

  it('runs the task with its payload once the transaction has committed', async () => {
    const { run, within, received, timeline } = await start();

    const task = await run((tasks) => within((transaction) => tasks.enqueueWithin(transaction, Echo, HOSTILE)));
    await timeline.until('ran');

    expect(received).toEqual([HOSTILE]);
    expect(task).toMatchObject({ name: 'echo', state: 'enqueued' });
  });

  it('never had the task if the transaction rolls back', async () => {
    const { run, within, received, timeline, queue } = await start();

    const rolledBack = run((tasks) =>
      within(async (transaction) => {
        await tasks.enqueueWithin(transaction, Echo, 'rolled back');
        throw new Error('no');
      }),
    );
    await expect(rolledBack).rejects.toThrow('no');
    await run((tasks) => within((transaction) => tasks.enqueueWithin(transaction, Echo, 'committed')));
    await timeline.until('ran');

    expect(received).toEqual(['committed']);
    const counts = await queue.getJobCounts();
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(1);
  });

  it('refuses what looks alike and has no open transaction', async () => {
    const { run, outside, queue } = await start();
    const refusals = outside.map((given) =>
      run((tasks) => tasks.enqueueWithin(given as Transaction, Echo, null)).catch((error: unknown) => error),
    );

    for (const error of await Promise.all(refusals)) expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(outside).not.toEqual([]);
    expect(await queue.getJobCounts('waiting', 'active', 'completed')).toEqual({ waiting: 0, active: 0, completed: 0 });
  });
});
