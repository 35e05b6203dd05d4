import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';

describe.each(servers)('B42 an outage of $kind', ({ prepare }) => {
  const server = useServer(prepare);

  async function start() {
    const events = new RecordedEvents();
    const options = { ...server().options, queueName: `observed-${randomUUID()}`, worker: false } as BullMqOptions;
    await startContext({
      options: { observers: [events.observer] },
      imports: [BullMqBackgroundTasksModule.forRoot(options)],
    });
    return events;
  }

  it('is told when it begins and when it ends', async () => {
    const events = await start();
    expect(events.names).toEqual([]);

    await server().stop();
    await events.until('backendLost');
    await server().start();
    await events.until('backendBack');

    expect(events.names).toEqual(['backendLost', 'backendBack']);
    const [{ reason } = { reason: '' }] = events.of('backendLost');
    expect(reason).not.toBe('');
  });

  it('is told when the application starts in it', async () => {
    await server().stop();

    const events = await start();
    const namesByThen = events.names;
    await server().start();
    await events.until('backendBack');

    expect(namesByThen).toEqual(['backendLost']);
  });
});
