import { Inject, Injectable, type ModuleMetadata } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule } from '../../src/bullmq/index.js';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  currentTask,
  defineTask,
  type Handles,
  provideResource,
  type TaskContext,
  TaskHandler,
  TaskScopes,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { deferred } from '../support/deferred.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { Timeline } from '../support/timeline.js';
import { until } from '../support/until.js';

// What holds for a named task wherever it runs: one file for all backends.

const Work = defineTask<{ act: string; n?: number }>({
  name: 'work',
  timeoutMs: 300,
  retry: { attempts: 3, delayMs: 1, factor: 1, jitter: 0 },
});
const Next = defineTask<string>({ name: 'next' });

/** What the handlers did, for all applications of this file. */
class Run extends Timeline {
  /** What the act 'hold' waits for. */
  readonly held = deferred();
}

@Injectable()
class Session {
  constructor(readonly number: number) {}
}

let opened = 0;
const sessionResource = provideResource({
  provide: Session,
  inject: [Run],
  async *useFactory(timeline: Run) {
    const session = new Session(++opened);
    try {
      yield session;
      timeline.note('commit');
    } catch (error) {
      timeline.note('rollback');
      throw error;
    } finally {
      timeline.note('close');
    }
  },
});

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  constructor(
    private readonly timeline: Run,
    private readonly session: Session,
    private readonly tasks: BackgroundTasks,
    @Inject(REQUEST) private readonly task: TaskContext,
  ) {}

  async run({ act, n }: { act: string; n?: number }): Promise<void> {
    const { signal } = currentTask();
    this.timeline.note(`${act} ${n ?? ''}: attempt ${this.task.attempt}, session ${this.session.number > 0}`);
    if (act === 'fail') throw new Error('no');
    if (act === 'context') this.timeline.note(`context ${JSON.stringify(this.task.context)} of ${this.task.id}`);
    if (act === 'enqueue') this.tasks.enqueue(Next, 'then');
    if (act === 'trace') {
      this.timeline.note(`trace ${trace.getActiveSpan()?.spanContext().traceId}`);
      this.tasks.enqueue(Next, 'traced');
    }
    if (act === 'add') this.tasks.addTask(() => this.timeline.note('added'));
    if (act === 'hold') {
      await this.timeline.held.promise;
      this.timeline.note('held');
    }
    if (act === 'hang') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    }
  }
}

@TaskHandler(Next)
class NextHandler implements Handles<typeof Next> {
  constructor(private readonly timeline: Run) {}

  run(what: string): void {
    this.timeline.note(`next ${what}`);
    if (what === 'traced') this.timeline.note(`trace of next ${trace.getActiveSpan()?.spanContext().traceId}`);
  }
}

const backends = [{ kind: 'in process', prepare: undefined }, ...servers];

describe.each(backends)('B27 B30 B31 a named task, $kind', ({ prepare }) => {
  const server = prepare && useServer(prepare);

  async function start() {
    const worker = { lockDurationMs: 1_000, stalledIntervalMs: 500 };
    const options = server && { ...server().options, queueName: `backends-${randomUUID()}`, worker };
    const imports: ModuleMetadata['imports'] = options ? [BullMqBackgroundTasksModule.forRoot(options)] : [];
    const { app, logs } = await startContext({
      imports,
      providers: [Run, sessionResource, WorkHandler, NextHandler],
      options: { captureContext: () => ({ tenant: 'acme' }), tracing: openTelemetryTracing() },
    });
    if (server) await until('the server is ready', () => app.get(BullMqBackend).unavailableBecause === undefined);
    return { app, logs, timeline: app.get(Run), scopes: app.get(TaskScopes), host: app.get(BackgroundTasksHost) };
  }

  it('is run once, with resources that are committed and closed after it', async () => {
    const { scopes, timeline } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'add', n: 5 }));
    await timeline.until('close');
    expect(timeline.events).toEqual(['add 5: attempt 1, session true', 'added', 'commit', 'close']);
  });

  it('is not run if the work that enqueued it fails', async () => {
    const { scopes, timeline } = await start();
    const failing = scopes.run(({ tasks }) => {
      tasks.enqueue(Work, { act: 'never' });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await scopes.run(({ tasks }) => void tasks.enqueue(Next, 'after'));
    await timeline.until('next after');
    expect(timeline.events).toEqual(['next after']);
  });

  it('is tried again as its definition says, and its resources roll back each time', async () => {
    const { scopes, timeline } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'fail' }));
    await timeline.until('close', 3);
    expect(timeline.events.filter((event) => event.startsWith('fail'))).toEqual(
      [1, 2, 3].map((attempt) => `fail : attempt ${attempt}, session true`),
    );
    expect(timeline.events.filter((event) => event === 'rollback')).toHaveLength(3);
  });

  it('has failed once, with its last attempt', async () => {
    const { app, logs, scopes } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'fail' }));
    await logs.until('errors', 'Task "work" failed');

    expect(logs.errors).toEqual([expect.stringMatching(/^Task "work" failed \(id .*, attempt 3, .*no/)]);
    await expect(settled(app)).rejects.toMatchObject({ code: 'TASKS_FAILED', errors: [new Error('no')] });
  });

  it('has its signal aborted at its time limit, and is tried again', async () => {
    const { scopes, timeline } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'hang' }));
    await timeline.until('close', 3);
    expect(timeline.events.filter((event) => event.startsWith('hang'))).toHaveLength(3);
  });

  it('is one task for two of the same idempotency key', async () => {
    const { scopes, timeline } = await start();
    const keyed = { idempotencyKey: 'order:0042 with anything in it' };
    await scopes.run(({ tasks }) => {
      tasks.enqueue(Work, { act: 'once' }, keyed);
      tasks.enqueue(Work, { act: 'once' }, keyed);
      tasks.enqueue(Next, 'last');
    });
    await Promise.all([timeline.until('next last'), timeline.until('close')]);
    expect(timeline.events.filter((event) => event.startsWith('once'))).toHaveLength(1);
  });

  it('has what it enqueues run after it has succeeded', async () => {
    const { scopes, timeline } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'enqueue' }));
    await timeline.until('next then');
    expect(timeline.events[0]).toBe('enqueue : attempt 1, session true');
  });

  it('is part of the trace it was enqueued in, and so is what it enqueues', async () => {
    traceEverything();
    const { scopes, timeline } = await start();
    const traceId = await trace.getTracer('test').startActiveSpan('request', async (span) => {
      await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'trace' }));
      span.end();
      return span.spanContext().traceId;
    });
    await Promise.all([timeline.until('close'), timeline.until(`trace of next ${traceId}`)]);
    expect(timeline.events).toContain(`trace ${traceId}`);
  });

  it('knows its id, and what was captured where it was enqueued', async () => {
    const { scopes, timeline } = await start();
    const task = await scopes.run(({ tasks }) => tasks.enqueue(Work, { act: 'context' }));
    await timeline.until('close');
    expect(timeline.events).toContain(`context {"tenant":"acme"} of ${task.id}`);
  });

  it('is waited for when the application closes', async () => {
    const { app, scopes, timeline, host } = await start();
    const done = scopes.run(({ tasks }) => void tasks.with({ timeoutMs: 10_000 }).enqueue(Work, { act: 'hold' }));
    await timeline.until('hold : attempt 1, session true');
    const closed = app.close().then(() => timeline.note('closed'));
    await until('the drain has begun', () => host.isDraining);
    timeline.held.resolve();
    await Promise.all([closed, done]);
    expect(timeline.events.slice(1)).toEqual(['held', 'commit', 'close', 'closed']);
  });
});

/** Sets OpenTelemetry up as an application does, and takes it down when the test ends. */
function traceEverything(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new BasicTracerProvider());
  onTestFinished(() => {
    for (const api of [context, propagation, trace]) api.disable();
  });
}
