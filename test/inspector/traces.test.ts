import { describe, expect, it } from 'vitest';
import type { TaskTracing } from '../../src/index.js';
import { TaskScopes } from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { shop } from '../support/inspected-app.js';
import { recordsOf, startInspected } from '../support/inspector.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { platforms } from '../support/platforms.js';
import { idsOf, Instrumentation, Traces } from '../support/traces.js';

const [express] = platforms;
const traced = { ...shop, options: { tracing: openTelemetryTracing() } };

describe.each(platforms)('the trace of a request on $name', (platform) => {
  it('is in its record, in those of its tasks, and in that of the run of a handler', async () => {
    const traces = new Traces();
    const running = await startInspected(platform, { ...traced, imports: [Instrumentation] });
    await fetch(`${running.url}/orders`, { method: 'POST' });

    const records = await recordsOf(running);

    const { traceId } = idsOf(await traces.one('request'));
    expect(records.map(({ kind, traceId: id }) => [kind, id])).toEqual([
      ['task', traceId],
      ['http', traceId],
    ]);
    const tasks = records.flatMap((record) => record.tasks);
    expect(tasks.map(({ traceId: id }) => id)).toEqual(tasks.map(() => traceId));
  });
});

describe('the id of a trace', () => {
  it('is that of the task itself where nothing else has a trace', async () => {
    const traces = new Traces();
    const running = await startInspected(express!, traced);
    await running.app.get(TaskScopes).run(({ tasks }) => {
      tasks.with({ name: 'first' }).addTask(function first() {});
      tasks.with({ name: 'second', runOn: 'failure' }).addTask(function second() {});
    });

    const [record] = await recordsOf(running);

    const spans = [await traces.one('first'), await traces.one('second')];
    expect(record!.traceId).toBeUndefined();
    expect(record!.tasks.map(({ traceId }) => traceId)).toEqual(spans.map((span) => idsOf(span).traceId));
  });

  it('is that of the process that enqueued a job', async () => {
    const traces = new Traces();
    const backend = new MemoryBackend();
    const imports = [Instrumentation, memoryBackendModule(backend)];
    const running = await startInspected(express!, { ...traced, imports });
    await fetch(`${running.url}/orders`, { method: 'POST' });
    await backend.runner!.run(backend.batches[0]![0]!.envelope, { number: 1, progressed: () => undefined });

    const records = await recordsOf(running);

    const { traceId } = idsOf(await traces.one('request'));
    expect(records.find(({ kind }) => kind === 'task')).toMatchObject({ traceId, job: { traceId } });
  });

  it('is absent without tracing, and where there is no tracer provider', async () => {
    const settings = [shop, traced];

    const ids: unknown[] = [];
    for (const each of settings) {
      const running = await startInspected(express!, each);
      await fetch(`${running.url}/items/1`);
      const [record] = await recordsOf(running);
      ids.push(record!.traceId, record!.tasks[0]!.traceId);
    }

    expect(ids).toEqual([undefined, undefined, undefined, undefined]);
  });

  it.each([
    ['has no such method', undefined],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['returns no text', () => ({ id: 1 }) as unknown as string],
  ])('is absent where the tracing %s, and the rest of the record is complete', async (_, traceId) => {
    const tracing: TaskTracing = {
      enqueue: (_task, work) => work(),
      inject: () => undefined,
      extract: (_headers, work) => work(),
      run: (_task, work) => work(),
      ...(traceId && { traceId }),
    };
    const running = await startInspected(express!, { ...shop, options: { tracing } });
    await fetch(`${running.url}/items/1`);

    const [record] = await recordsOf(running);

    expect(record).toMatchObject({ description: 'GET /items/:id', tasks: [{ state: 'succeeded' }] });
    expect(JSON.stringify(record)).not.toContain('traceId');
  });

  it('is at most 100 characters long, whatever the tracing says', async () => {
    const tracing: TaskTracing = {
      enqueue: (_task, work) => work(),
      inject: () => undefined,
      extract: (_headers, work) => work(),
      run: (_task, work) => work(),
      traceId: () => 'x'.repeat(10_000),
    };
    const running = await startInspected(express!, { ...shop, options: { tracing } });
    await fetch(`${running.url}/items/1`);

    const [record] = await recordsOf(running);

    expect(record!.traceId).toHaveLength(100);
  });
});
