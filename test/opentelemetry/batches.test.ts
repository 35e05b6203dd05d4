import { SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { BatchError, type TaskScopes } from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { Audit, auditProviders, WriteAudit } from '../support/audit.js';
import { startContext } from '../support/start-context.js';
import { idsOf, inSpan, Traces } from '../support/traces.js';

async function start(act: (scopes: TaskScopes) => unknown) {
  const traces = new Traces();
  const { app, scopes } = await startContext({
    providers: auditProviders,
    options: { tracing: openTelemetryTracing() },
  });
  app.get(Audit).act = () => act(scopes);
  for (const n of [1, 2, 3]) {
    await inSpan(`request ${n}`, () =>
      scopes.run(({ tasks }) => void tasks.with({ retry: { attempts: 1 } }).enqueue(WriteAudit, { n })),
    );
  }
  const batch = await traces.one('batch write-audit');
  return { batch, traces, tasks: await traces.ended('process write-audit', 3) };
}

describe('B40 the span of a batch', () => {
  it('is in no trace of a request, links to the spans of its tasks, and has what the handler does in it', async () => {
    const { batch, tasks, traces } = await start(() => inSpan('insert', () => undefined));

    expect(idsOf(batch).parent).toBeUndefined();
    expect(batch.links.map(({ context }) => context.spanId).toSorted()).toEqual(
      tasks.map((task) => idsOf(task).spanId).toSorted(),
    );
    expect(batch.attributes).toMatchObject({
      'background_task.name': 'write-audit',
      'messaging.batch.message_count': 3,
    });
    expect(idsOf(await traces.one('insert'))).toMatchObject({ parent: idsOf(batch).spanId });
    expect(new Set(tasks.map((task) => idsOf(task).traceId)).size).toBe(3);
    expect(tasks.map((task) => idsOf(task).traceId)).not.toContain(idsOf(batch).traceId);
  });

  it('shows what the handler throws', async () => {
    const { batch } = await start(() => {
      throw new Error('no disk');
    });

    expect(batch.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no disk' });
  });

  it('shows no error where only some of its tasks fail, whose spans show theirs', async () => {
    const { batch, tasks } = await start(() => {
      throw new BatchError([[1, new Error('no second')]]);
    });

    expect(batch.status.code).toBe(SpanStatusCode.UNSET);
    expect(tasks.map(({ status }) => status.message).filter(Boolean)).toEqual(['no second']);
  });

  it('is its own, and not that of a unit of work in it, which ends and fails before', async () => {
    const { batch, traces } = await start(async (scopes) => {
      await scopes.run(() => Promise.reject(new Error('of the unit'))).catch(() => undefined);
      inSpan('after', () => undefined);
    });

    expect(batch.status.code).toBe(SpanStatusCode.UNSET);
    expect(traces.names.indexOf('after')).toBeLessThan(traces.names.indexOf('batch write-audit'));
  });
});
