import { Inject, Injectable, type ModuleMetadata } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
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
import { openTelemetryPropagation } from '../../src/opentelemetry/index.js';
import { deferred } from '../support/deferred.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { until } from '../support/until.js';

// What holds for a named task wherever it runs: one file for all backends.

const Work = defineTask<{ act: string; n?: number }>({
  name: 'work',
  timeoutMs: 300,
  retry: { attempts: 3, delayMs: 1, factor: 1, jitter: 0 },
});
const Next = defineTask<string>({ name: 'next' });

/** What the handlers did, for all applications of this file. */
class Events extends EventEmitter {
  readonly all: string[] = [];
  /** What the act 'hold' waits for. */
  readonly held = deferred();

  note(event: string): void {
    this.all.push(event);
    this.emit('event');
  }

  /** Resolves once the event has happened that often. */
  async seen(event: string, times = 1): Promise<void> {
    while (this.all.filter((each) => each === event).length < times) await once(this, 'event');
  }
}

@Injectable()
class Session {
  constructor(readonly number: number) {}
}

let opened = 0;
const sessionResource = provideResource({
  provide: Session,
  inject: [Events],
  async *useFactory(events: Events) {
    const session = new Session(++opened);
    try {
      yield session;
      events.note('commit');
    } catch (error) {
      events.note('rollback');
      throw error;
    } finally {
      events.note('close');
    }
  },
});

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  constructor(
    private readonly events: Events,
    private readonly session: Session,
    private readonly tasks: BackgroundTasks,
    @Inject(REQUEST) private readonly task: TaskContext,
  ) {}

  async run({ act, n }: { act: string; n?: number }): Promise<void> {
    const { signal } = currentTask();
    this.events.note(`${act} ${n ?? ''}: attempt ${this.task.attempt}, session ${this.session.number > 0}`);
    if (act === 'fail') throw new Error('no');
    if (act === 'context') this.events.note(`context ${JSON.stringify(this.task.context)} of ${this.task.id}`);
    if (act === 'enqueue') this.tasks.enqueue(Next, 'then');
    if (act === 'trace') {
      this.events.note(`trace ${trace.getActiveSpan()?.spanContext().traceId}`);
      this.tasks.enqueue(Next, 'traced');
    }
    if (act === 'add') this.tasks.addTask(() => this.events.note('added'));
    if (act === 'hold') {
      await this.events.held.promise;
      this.events.note('held');
    }
    if (act === 'hang') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    }
  }
}

@TaskHandler(Next)
class NextHandler implements Handles<typeof Next> {
  constructor(private readonly events: Events) {}

  run(what: string): void {
    this.events.note(`next ${what}`);
    if (what === 'traced') this.events.note(`trace of next ${trace.getActiveSpan()?.spanContext().traceId}`);
  }
}

const backends = [{ kind: 'in process', prepare: undefined }, ...servers];

describe.each(backends)('B27 B30 B31 a named task, $kind', ({ prepare }) => {
  const server = prepare && useServer(prepare);

  async function start() {
    const worker = { lockDurationMs: 1_000, stalledIntervalMs: 500 };
    const options = server && { ...server().options, queueName: `backends-${randomUUID()}`, worker };
    const imports: ModuleMetadata['imports'] = options ? [BullMqBackgroundTasksModule.forRoot(options)] : [];
    const { app } = await startContext({
      imports,
      providers: [Events, sessionResource, WorkHandler, NextHandler],
      options: { captureContext: () => ({ tenant: 'acme' }), tracePropagation: openTelemetryPropagation },
    });
    if (server) await until(() => app.get(BullMqBackend).unavailableBecause === undefined);
    return { app, events: app.get(Events), scopes: app.get(TaskScopes), host: app.get(BackgroundTasksHost) };
  }

  it('is run once, with resources that are committed and closed after it', async () => {
    const { scopes, events } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'add', n: 5 }));
    await events.seen('close');
    expect(events.all).toEqual(['add 5: attempt 1, session true', 'added', 'commit', 'close']);
  });

  it('is not run if the work that enqueued it fails', async () => {
    const { scopes, events } = await start();
    const failing = scopes.run(({ tasks }) => {
      tasks.enqueue(Work, { act: 'never' });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await scopes.run(({ tasks }) => void tasks.enqueue(Next, 'after'));
    await events.seen('next after');
    expect(events.all).toEqual(['next after']);
  });

  it('is tried again as its definition says, and its resources roll back each time', async () => {
    const { scopes, events } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'fail' }));
    await events.seen('close', 3);
    expect(events.all.filter((event) => event.startsWith('fail'))).toEqual(
      [1, 2, 3].map((attempt) => `fail : attempt ${attempt}, session true`),
    );
    expect(events.all.filter((event) => event === 'rollback')).toHaveLength(3);
  });

  it('has its signal aborted at its time limit, and is tried again', async () => {
    const { scopes, events } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'hang' }));
    await events.seen('close', 3);
    expect(events.all.filter((event) => event.startsWith('hang'))).toHaveLength(3);
  });

  it('is one task for two of the same idempotency key', async () => {
    const { scopes, events } = await start();
    const keyed = { idempotencyKey: 'order:0042 with anything in it' };
    await scopes.run(({ tasks }) => {
      tasks.enqueue(Work, { act: 'once' }, keyed);
      tasks.enqueue(Work, { act: 'once' }, keyed);
      tasks.enqueue(Next, 'last');
    });
    await Promise.all([events.seen('next last'), events.seen('close')]);
    expect(events.all.filter((event) => event.startsWith('once'))).toHaveLength(1);
  });

  it('has what it enqueues run after it has succeeded', async () => {
    const { scopes, events } = await start();
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'enqueue' }));
    await events.seen('next then');
    expect(events.all[0]).toBe('enqueue : attempt 1, session true');
  });

  it('is part of the trace it was enqueued in, and so is what it enqueues', async () => {
    traceEverything();
    const { scopes, events } = await start();
    const traceId = await trace.getTracer('test').startActiveSpan('request', async (span) => {
      await scopes.run(({ tasks }) => void tasks.enqueue(Work, { act: 'trace' }));
      span.end();
      return span.spanContext().traceId;
    });
    await Promise.all([events.seen('close'), events.seen(`trace of next ${traceId}`)]);
    expect(events.all).toContain(`trace ${traceId}`);
  });

  it('knows its id, and what was captured where it was enqueued', async () => {
    const { scopes, events } = await start();
    const task = await scopes.run(({ tasks }) => tasks.enqueue(Work, { act: 'context' }));
    await events.seen('close');
    expect(events.all).toContain(`context {"tenant":"acme"} of ${task.id}`);
  });

  it('is waited for when the application closes', async () => {
    const { app, scopes, events, host } = await start();
    const done = scopes.run(({ tasks }) => void tasks.with({ timeoutMs: 10_000 }).enqueue(Work, { act: 'hold' }));
    await events.seen('hold : attempt 1, session true');
    const closed = app.close().then(() => events.note('closed'));
    await until(() => host.isDraining);
    events.held.resolve();
    await Promise.all([closed, done]);
    expect(events.all.slice(1)).toEqual(['held', 'commit', 'close', 'closed']);
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
