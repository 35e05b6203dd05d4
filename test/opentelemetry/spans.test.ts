import { Controller, Get, Headers, Param, Post, Query } from '@nestjs/common';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ClsModule, ClsService } from 'nestjs-cls';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  type BackgroundTasks,
  currentTask,
  defineTask,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { type AppSettings, platforms, type Platform, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';
import { idsOf, inSpan, Instrumentation, Traces } from '../support/traces.js';

const SECRET = 'canary-7d2e';
const options = () => ({ tracing: openTelemetryTracing() });

describe.each(platforms)('B42 the span of a task on $name', (platform) => {
  it('is a child of the span of its request, which has ended by then', async () => {
    @Controller()
    class Users {
      @Get()
      create(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(sendMail);
      }
    }
    const { get, traces } = await start(platform, { controllers: [Users] });

    await get('/');

    const [request, task] = [await traces.one('request'), await traces.one('sendMail')];
    expect(traces.names).toEqual(['request', 'sendMail']);
    expect(idsOf(task)).toMatchObject({ traceId: idsOf(request).traceId, parent: idsOf(request).spanId });
    expect(task.kind).toBe(SpanKind.INTERNAL);
    expect(task.status.code).toBe(SpanStatusCode.UNSET);
    expect(task.attributes).toMatchObject({
      'code.function.name': 'sendMail',
      'background_task.name': 'sendMail',
      'background_task.state': 'succeeded',
      'background_task.attempts': 1,
      'background_task.place': expect.stringMatching(/^at Users\.create .*spans\.test\.ts/) as string,
    });
  });

  it('is active within the task, so that other spans of it are its children', async () => {
    @Controller()
    class Users {
      @Get()
      create(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(async function first() {
          await Promise.resolve();
          inSpan('query', () => undefined);
          tasks.addTask(function second() {
            inSpan('other query', () => undefined);
          });
        });
      }
    }
    const { get, traces } = await start(platform, { controllers: [Users] });

    await get('/');

    const [first, second] = [await traces.one('first'), await traces.one('second')];
    expect(idsOf(await traces.one('query')).parent).toBe(idsOf(first).spanId);
    expect(idsOf(await traces.one('other query')).parent).toBe(idsOf(second).spanId);
    // A task that a task adds is its child.
    expect(idsOf(second).parent).toBe(idsOf(first).spanId);
    expect(new Set(traces.all.map((span) => idsOf(span).traceId)).size).toBe(1);
  });

  it('leaves nestjs-cls its store, and each of two requests its trace', async () => {
    const seen: (string | undefined)[] = [];
    @Controller()
    class Users {
      constructor(private readonly cls: ClsService) {}

      @Get(':name')
      create(@Param('name') name: string, @Tasks() tasks: BackgroundTasks) {
        this.cls.set('user', name);
        const traceId = trace.getActiveSpan()!.spanContext().traceId;
        tasks.addTask(async () => {
          await Promise.resolve();
          const isSame = trace.getActiveSpan()!.spanContext().traceId === traceId;
          seen.push(`${this.cls.get<string>('user')} ${isSame} ${currentTask().name}`);
        });
      }
    }
    const imports = [ClsModule.forRoot({ middleware: { mount: true } })];
    const { get, traces } = await start(platform, { controllers: [Users], imports });

    await Promise.all([get('/ada'), get('/bob')]);
    await traces.ended('anonymous', 2);

    expect(seen.toSorted((one, other) => (String(one) < String(other) ? -1 : 1))).toEqual([
      'ada true anonymous',
      'bob true anonymous',
    ]);
  });

  it('holds no argument, payload, key, header, parameter, body, resource or member of an error', async () => {
    class Session {
      readonly secret = SECRET;
    }
    const session = provideResource({ provide: Session, useFactory: () => new Session(), dispose: () => undefined });
    @Controller('orders')
    class Orders {
      readonly secret = SECRET;

      @Post(':id')
      create(
        @Param('id') id: string,
        @Query() query: object,
        @Headers() headers: object,
        @Resource(Session) held: Session,
        @Tasks() tasks: BackgroundTasks,
      ) {
        tasks
          .with({ name: 'failing', retry: { attempts: 2, delayMs: 0 } })
          .addTask(failsWith, id, query, headers, held);
        tasks.addTask(throwsObject, this);
        tasks.enqueue(Count, { secret: SECRET }, { idempotencyKey: SECRET });
        tasks.with({ runOn: 'failure' }).addTask(sendMail, SECRET);
      }
    }
    const { get, traces } = await start(platform, { controllers: [Orders], providers: [session, CountHandler] });

    await get(`/orders/${SECRET}?token=${SECRET}`, { method: 'POST', headers: { authorization: SECRET } });
    await Promise.all(['failsWith', 'throwsObject', 'process count', 'sendMail'].map((name) => traces.one(name)));

    const shown = inspect(
      traces.all.map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links })),
      { depth: Infinity, showHidden: true },
    );
    expect(shown).toContain('failed as it should');
    expect(shown).not.toContain(SECRET);
  });
});

describe('B42 the span of a task', () => {
  it('is one for all attempts, with an event for each that failed', async () => {
    const { traces, scopes } = await startScopes();
    let calls = 0;
    const active: (string | undefined)[] = [];

    await scopes.run(({ tasks }) => {
      const retrying = tasks.with({ name: 'import:42', retry: { attempts: 3, delayMs: 0 } });
      retrying.addTask(async function importFile() {
        active.push(trace.getActiveSpan()?.spanContext().spanId);
        await Promise.resolve();
        if (++calls < 3) throw new TypeError(`attempt ${calls}`);
      });
    });

    const span = await traces.one('importFile');
    const { spanId } = idsOf(span);
    expect(active).toEqual([spanId, spanId, spanId]);
    expect(span.events.map(({ name, attributes }) => [name, attributes])).toMatchObject([
      ['exception', { 'exception.type': 'TypeError', 'exception.message': 'attempt 1' }],
      ['background_task.retry', { 'background_task.attempt': 1, 'background_task.state': 'failed' }],
      ['exception', { 'exception.message': 'attempt 2' }],
      ['background_task.retry', { 'background_task.attempt': 2, 'background_task.delay_ms': 0 }],
    ]);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).toMatchObject({
      'code.function.name': 'importFile',
      'background_task.name': 'import:42',
      'background_task.attempts': 3,
    });
  });

  it('has the error of the task', async () => {
    const { traces, scopes } = await startScopes();

    await scopes.run(({ tasks }) => void tasks.addTask(failsWith));

    const span = await traces.one('failsWith');
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'failed as it should' });
    expect(span.attributes).toMatchObject({ 'error.type': 'RangeError', 'background_task.state': 'failed' });
    expect(span.events).toMatchObject([{ name: 'exception', attributes: { 'exception.type': 'RangeError' } }]);
  });

  it.each(hostileErrors)('ends whatever the task threw: $what', async ({ make }) => {
    const { traces, scopes, logs } = await startScopes();

    await scopes.run(({ tasks }) => {
      tasks.addTask(function fails() {
        throw make();
      });
    });

    expect((await traces.one('fails')).status.code).toBe(SpanStatusCode.ERROR);
    expect(logs.errors.filter((line) => !line.startsWith('Task "fails" failed'))).toEqual([]);
  });

  it('has a time limit that was exceeded for its error', async () => {
    const { traces, scopes } = await startScopes();
    const never = deferred();

    await scopes.run(({ tasks }) => {
      tasks.with({ timeoutMs: 5 }).addTask(async function hangs() {
        await never.promise;
      });
    });

    expect((await traces.one('hangs')).attributes).toMatchObject({
      'background_task.state': 'timed-out',
      'error.type': 'TimeoutError',
    });
  });

  it.each([
    { reason: 'request-succeeded', state: 'discarded', add: (tasks: BackgroundTasks) => onlyOnFailure(tasks) },
    { reason: 'cancelled', state: 'cancelled', add: (tasks: BackgroundTasks) => void tasks.addTask(sendMail).cancel() },
    { reason: 'deduplicated', state: 'discarded', add: (tasks: BackgroundTasks) => addTwice(tasks) },
  ])('of a task that never ran says why: $reason', async ({ reason, state, add }) => {
    const { traces, scopes } = await startScopes();

    await inSpan('request', () => scopes.run(({ tasks }) => add(tasks)));

    const [request, span] = [await traces.one('request'), await traces.one('sendMail')];
    expect(span.attributes).toMatchObject({
      'background_task.state': state,
      'background_task.reason': reason,
      'background_task.attempts': 0,
    });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(idsOf(span)).toMatchObject({ traceId: idsOf(request).traceId, parent: idsOf(request).spanId });
  });

  it('is an error if the application shuts down first, for one that runs and one that waits', async () => {
    const { traces, scopes, app } = await startScopes({ shutdownTimeoutMs: 0 });
    const [begun, never] = [deferred(), deferred()];

    const run = scopes.run(({ tasks }) => {
      tasks.addTask(async function hangs() {
        begun.resolve();
        await never.promise;
      });
      tasks.addTask(sendMail);
    });
    await begun.promise;
    await app.close();
    await run;

    for (const name of ['hangs', 'sendMail']) {
      const span = await traces.one(name);
      expect(span.status.code).toBe(SpanStatusCode.ERROR);
      expect(span.attributes).toMatchObject({
        'background_task.state': 'abandoned',
        'background_task.reason': 'deadline',
      });
    }
  });

  it('is one of a trace of its own where nothing is traced', async () => {
    const { traces, scopes } = await startScopes();

    await scopes.run(({ tasks }) => void tasks.addTask(sendMail));

    expect(idsOf(await traces.one('sendMail')).parent).toBeUndefined();
  });
});

describe('B42 the spans of a named task in this process', () => {
  it('are one where it is enqueued, and one where its handler runs, which is its child and has a link to it', async () => {
    const { traces, scopes } = await startScopes();

    await inSpan('request', () => scopes.run(({ tasks }) => void tasks.enqueue(Count, { secret: SECRET })));

    const [request, consumer] = [await traces.one('request'), await traces.one('process count')];
    const producer = await traces.one('enqueue count');
    const { traceId } = idsOf(request);
    expect(idsOf(producer)).toMatchObject({ traceId, parent: idsOf(request).spanId });
    expect(idsOf(consumer)).toMatchObject({ traceId, parent: idsOf(producer).spanId });
    expect(consumer.links).toMatchObject([{ context: { traceId, spanId: idsOf(producer).spanId } }]);
    expect([producer.kind, consumer.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER]);
    const id = producer.attributes['background_task.id'];
    const message = {
      'messaging.system': 'nestjs-background-tasks',
      'messaging.destination.name': 'count',
      'messaging.message.id': id,
    };
    expect(producer.attributes).toMatchObject({
      ...message,
      'messaging.operation.name': 'enqueue',
      'messaging.operation.type': 'create',
    });
    expect(consumer.attributes).toMatchObject({
      ...message,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
    });
    expect(consumer.attributes).not.toHaveProperty('code.function.name');
  });

  it('have the baggage of the request', async () => {
    const { traces, scopes } = await startScopes();
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });

    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      scopes.run(({ tasks }) => void tasks.enqueue(Count, { secret: SECRET })),
    );

    await traces.one('process count');
    expect(tenants).toEqual(['acme']);
  });
});

describe('B42 an application that has not set OpenTelemetry up', () => {
  it('runs its tasks all the same', async () => {
    const { scopes, logs } = await startContext({ options: options(), providers: [CountHandler] });

    const reports = await scopes.run(({ tasks }) => {
      const all = [tasks.addTask(sendMail), tasks.enqueue(Count, { secret: SECRET })];
      return { settled: Promise.all(all.map((task) => task.settled)) };
    });

    expect(await reports.settled).toMatchObject([{ state: 'succeeded' }, { state: 'succeeded' }]);
    expect(logs.errors).toEqual([]);
  });
});

const tenants: (string | undefined)[] = [];
const Count = defineTask<{ secret: string }>({ name: 'count' });

@TaskHandler(Count)
class CountHandler {
  run(_payload: { secret: string }): void {
    tenants.splice(0, Infinity, ...[propagation.getActiveBaggage()?.getEntry('tenant')?.value].filter(Boolean));
  }
}

function sendMail(..._args: unknown[]): void {}

function failsWith(...args: unknown[]): never {
  throw Object.assign(new RangeError('failed as it should', { cause: new Error('cause') }), { args });
}

function throwsObject(holder: { readonly secret: string }): never {
  throw { secret: holder.secret };
}

function onlyOnFailure(tasks: BackgroundTasks): void {
  tasks.with({ runOn: 'failure' }).addTask(sendMail);
}

function addTwice(tasks: BackgroundTasks): void {
  const once = tasks.with({ name: 'mail', dedupe: 'keep-last' });
  for (let n = 0; n < 2; n++) once.addTask(sendMail);
}

async function startScopes(more: { readonly shutdownTimeoutMs?: number } = {}) {
  const traces = new Traces();
  const started = await startContext({ options: { ...options(), ...more }, providers: [CountHandler] });
  return { ...started, traces, scopes: started.app.get(TaskScopes) };
}

/** Starts an application whose requests have a span each, as instrumentation of the server makes. */
async function start(platform: Platform, settings: AppSettings) {
  const traces = new Traces();
  const imports = [Instrumentation, ...(settings.imports ?? [])];
  const { app, url } = await startApp(platform, { ...settings, imports, options: options() });
  const get = async (path: string, init?: RequestInit) => {
    await fetch(`${url}${path}`, init);
    await settled(app, { throwOnFailure: false });
  };
  return { get, traces };
}
