import { trace } from '@opentelemetry/api';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import { defineTask, TaskHandler } from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { idsOf, inSpan, Traces } from '../support/traces.js';
import { until } from '../support/until.js';

const SECRET = 'canary-91bd';
const Send = defineTask<{ secret: string }>({
  name: 'send',
  retry: { attempts: 2, delayMs: 1, factor: 1, jitter: 0 },
});
let runs = 0;

@TaskHandler(Send)
class SendHandler {
  async run(): Promise<void> {
    await Promise.resolve();
    inSpan('smtp', () => undefined);
    if (++runs === 1) throw new TypeError('once');
  }
}

describe.each(servers)('B42 traces of a named task on $kind', ({ prepare }) => {
  const server = useServer(prepare);

  it('lead from the request to each attempt of its handler in another application', async () => {
    runs = 0;
    const traces = new Traces();
    const connection = { ...server().options, queueName: `traces-${randomUUID()}` };
    const web = await start({ ...connection, worker: false });
    await start(connection);
    await until('the server is ready', () => web.app.get(BullMqBackend).unavailableBecause === undefined);

    await inSpan('request', () => web.run((tasks) => void tasks.enqueue(Send, { secret: SECRET })));
    const attempts = await traces.ended('process send', 2);

    const [request, producer] = [await traces.one('request'), await traces.one('enqueue send')];
    const { traceId } = idsOf(request);
    expect(idsOf(producer)).toMatchObject({ traceId, parent: idsOf(request).spanId });
    // Nobody else makes spans of the same: BullMQ's own telemetry is off.
    expect(traces.names.toSorted()).toEqual([
      'enqueue send',
      'process send',
      'process send',
      'request',
      'smtp',
      'smtp',
    ]);
    for (const attempt of attempts) {
      expect(idsOf(attempt)).toMatchObject({ traceId, parent: idsOf(producer).spanId });
      expect(attempt.links).toMatchObject([{ context: { traceId, spanId: idsOf(producer).spanId } }]);
    }
    expect(attempts.map(({ attributes }) => attributes)).toMatchObject([
      { 'background_task.attempts': 1, 'background_task.state': 'failed', 'background_task.is_retried': true },
      { 'background_task.attempts': 2, 'background_task.state': 'succeeded' },
    ]);
    const inside = await traces.ended('smtp', 2);
    expect(inside.map((span) => idsOf(span).parent)).toEqual(attempts.map((span) => idsOf(span).spanId));
    const shown = traces.all.map(({ attributes, events, links }) => ({ attributes, events, links }));
    expect(JSON.stringify(shown)).not.toContain(SECRET);
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});

function start(options: BullMqOptions) {
  return startContext({
    imports: [BullMqBackgroundTasksModule.forRoot(options)],
    providers: [SendHandler],
    options: { tracing: openTelemetryTracing() },
  });
}
