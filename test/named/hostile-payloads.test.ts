import { Controller, Post } from '@nestjs/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasksHost,
  type BackgroundTasks,
  type BackgroundTasksModuleOptions,
  defineTask,
  type JsonValue,
  type TaskDefinition,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';
import {
  CANARY,
  hostileObjects,
  hostileThrows,
  raise,
  readingTraps,
  readMembers,
  revoked,
  trapped,
  withGetter,
} from '../support/hostile-values.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const Echo = defineTask<unknown>({ name: 'echo' });
const received: unknown[] = [];

@TaskHandler(Echo)
class EchoHandler {
  run(payload: unknown): void {
    received.push(payload);
  }
}

/** Payloads that cannot be read, and where. */
const unreadable: readonly { what: string; payload: () => unknown; path: string }[] = [
  { what: 'a getter', payload: () => ({ card: withGetter({}, 'number') }), path: '$.card.number' },
  { what: 'a getter in an array', payload: () => ({ list: [1, withGetter({}, 'a')] }), path: '$.list[1].a' },
  { what: 'a getter for an element', payload: () => withGetter([1, 2], 1), path: '$[1]' },
  { what: 'a getter for a member called then', payload: () => withGetter({}, 'then'), path: '$.then' },
  { what: 'a getter for a member called toJSON', payload: () => withGetter({}, 'toJSON'), path: '$.toJSON' },
  {
    what: 'a getter for a member called constructor',
    payload: () => withGetter({}, 'constructor'),
    path: '$.constructor',
  },
  { what: 'a revoked proxy', payload: () => ({ a: revoked({}) }), path: '$.a' },
  { what: 'a revoked proxy of an array', payload: () => ({ a: revoked([]) }), path: '$.a' },
  { what: 'a revoked proxy as a whole', payload: () => revoked({}), path: '$' },
  { what: 'a proxy that does not list its members', payload: () => [trapped({}, ['ownKeys'])], path: '$[0]' },
  { what: 'a proxy without a prototype to see', payload: () => [trapped({}, ['getPrototypeOf'])], path: '$[0]' },
  { what: 'a proxy whose members throw', payload: () => ({ a: trapped({ b: 1 }, ['get']) }), path: '$.a.b' },
  { what: 'a proxy of an array whose members throw', payload: () => ({ a: trapped([1], ['get']) }), path: '$.a' },
  {
    what: 'a proxy of an array that only throws at an element',
    payload: () => ({
      a: new Proxy([1], { get: (list, key): unknown => (key === '0' ? raise(CANARY) : Reflect.get(list, key)) }),
    }),
    path: '$.a[0]',
  },
];

/** Payloads of a kind that JSON cannot say, and whose kind is not easily told. */
const exotic: readonly { what: string; payload: () => unknown; path: string }[] = [
  { what: 'a revoked proxy of a function', payload: () => ({ a: revoked(() => undefined) }), path: '$.a' },
  { what: 'a function whose name throws', payload: () => [withGetter(() => undefined, 'name')], path: '$[0]' },
  {
    what: 'a function that is named by a secret',
    payload: () => [{ [CANARY]: () => undefined }[CANARY]],
    path: '$[0]',
  },
  {
    what: 'an instance whose constructor throws',
    payload: () => [childOf(withGetter({}, 'constructor'))],
    path: '$[0]',
  },
  {
    what: 'an instance whose class is named by a secret',
    payload: () => [childOf({ constructor: { name: CANARY } })],
    path: '$[0]',
  },
  {
    what: 'an instance whose class has a name that throws',
    payload: () => [new (withGetter(class {}, 'name'))()],
    path: '$[0]',
  },
  { what: 'an object whose prototype is a revoked proxy', payload: () => [childOf(revoked({}))], path: '$[0]' },
  {
    what: 'a member whose key is Symbol.toStringTag',
    payload: () => [withGetter({}, Symbol.toStringTag)],
    path: '$[0]',
  },
  { what: 'an iterator in place of an array’s own', payload: () => [withGetter([], Symbol.iterator)], path: '$[0]' },
];

const refused = [...unreadable, ...exotic];

describe('B28 a payload that throws where it is read', () => {
  it.each(refused)('is refused with the path, and with nothing it holds or throws: $what', async (bad) => {
    const { scopes } = await startContext({ providers: [EchoHandler] });
    received.length = 0;

    const error = await errorOf(() => scopes.run(({ tasks }) => tasks.enqueue(Echo, bad.payload())));

    expect(error).toMatchObject({ code: 'INVALID_PAYLOAD', path: bad.path });
    expect(textOf(error)).not.toContain('canary');
    expect(received).toEqual([]);
  });

  it.each(hostileThrows)('is refused whatever its getter throws: $what', async ({ thrown }) => {
    const { run } = await startContext({ providers: [EchoHandler] });

    const error = await errorOf(() => run((tasks) => tasks.enqueue(Echo, { a: withGetter({}, 'b', thrown) })));

    expect(error).toMatchObject({ code: 'INVALID_PAYLOAD', path: '$.a.b' });
    expect(error).not.toHaveProperty('cause');
  });

  it.each(refused)('is refused by the recording of a test as well: $what', async ({ payload, path }) => {
    const error = await errorOf(() => new RecordingBackgroundTasks().enqueue(Echo, payload()));

    expect(error).toMatchObject({ code: 'INVALID_PAYLOAD', path });
  });

  it('leaves alone a proxy that behaves', async () => {
    const { run } = await startContext({ providers: [EchoHandler] });
    received.length = 0;

    await run((tasks) => tasks.enqueue(Echo, new Proxy({ list: new Proxy([1, { a: 2 }], {}) }, {})));

    expect(received).toEqual([{ list: [1, { a: 2 }] }]);
  });

  it('arrives or is refused, with the path and nothing else, wherever it throws', async () => {
    const { scopes } = await startContext({ providers: [EchoHandler] });
    // fast-check looks at what it generates, so it is given functions that make the values.
    const target = fc.constantFrom<() => object>(
      () => ({ a: 1 }),
      () => [1, 2],
      () => () => undefined,
      () => new (class Card {})(),
      () => childOf(null),
    );
    const hostile = fc.constantFrom(...hostileThrows);
    const bad: fc.Arbitrary<Make> = fc.oneof(
      fc.tuple(target, fc.constantFrom(...readMembers, '0', 'a'), hostile).map(
        ([make, key, { thrown }]) =>
          () =>
            withOwnGetter(make(), key, thrown),
      ),
      fc.tuple(target, fc.subarray([...readingTraps], { minLength: 1 }), hostile).map(
        ([make, traps, { thrown }]) =>
          () =>
            trapped(make(), traps, thrown),
      ),
      target.map((make) => () => revoked(make())),
    );
    const key = fc.constantFrom('a', 'b c', 'then', 'constructor');
    const { payload } = fc.letrec<{ payload: Make }>((tie) => ({
      payload: fc.oneof(
        { maxDepth: 4 },
        bad,
        fc.array(tie('payload'), { minLength: 1, maxLength: 3 }).map((list) => () => list.map((make) => make())),
        fc
          .dictionary(key, tie('payload'), { minKeys: 1, maxKeys: 3 })
          .map((all) => () => Object.fromEntries(Object.entries(all).map(([name, make]) => [name, make()]))),
      ),
    }));
    let refusals = 0;

    await fc.assert(
      fc.asyncProperty(payload, async (make) => {
        const error = await errorOf(() => scopes.run(({ tasks }) => tasks.enqueue(Echo, make())));
        if (error === undefined) return;
        refusals++;
        expect(error).toMatchObject({ code: 'INVALID_PAYLOAD', path: expect.stringMatching(/^\$/) as string });
        expect(textOf(error)).not.toContain('canary');
      }),
      { numRuns: 2_000 },
    );
    expect(refusals).toBeGreaterThan(1_000);
  });
});

describe.each(platforms)('B28 a payload that throws where it is read, on $name', (platform) => {
  it.each(refused)('answers 500, and neither the answer nor the log shows any of it: $what', async ({ payload }) => {
    @Controller()
    class AppController {
      @Post()
      enqueue(@Tasks() tasks: BackgroundTasks): void {
        tasks.addTask(() => undefined);
        tasks.enqueue(Echo, payload());
      }
    }
    const { app, url, logs } = await startApp(platform, { controllers: [AppController], providers: [EchoHandler] });

    const response = await fetch(url, { method: 'POST' });
    const shown = [await response.text(), ...logs.errors, ...logs.warnings].join('\n');
    const host = app.get(BackgroundTasksHost);
    await host.onIdle();

    expect(response.status).toBe(500);
    expect(shown).not.toContain('canary');
    expect(shown).toContain('InvalidPayloadError: The payload of task "echo" cannot be enqueued: ');
    expect(host.stats()).toMatchObject({ accepted: 1, discarded: 1 });
  });
});

describe('B28 the context of a named task that throws where it is read', () => {
  it.each(refused)('is refused where a task takes it along: $what', async ({ payload, path }) => {
    const settings = { providers: [EchoHandler], options: { captureContext: payload as () => JsonValue } };
    const { scopes, run } = await startContext(settings);
    const context = payload() as JsonValue;

    const captured = await errorOf(() => run((tasks) => tasks.enqueue(Echo, 1)));
    const given = await errorOf(() => scopes.run(({ tasks }) => tasks.enqueue(Echo, 1), { context }));

    expect([captured, given]).toMatchObject([
      { code: 'INVALID_PAYLOAD', path },
      { code: 'INVALID_PAYLOAD', path },
    ]);
    expect(textOf(captured) + textOf(given)).not.toContain('canary');
  });

  it('is refused when it is a promise, whose failure ends nothing', async () => {
    const captureContext = (() => Promise.reject(new Error(CANARY))) as unknown as () => JsonValue;
    const { run } = await startContext({ providers: [EchoHandler], options: { captureContext } });

    const error = await errorOf(() => run((tasks) => tasks.enqueue(Echo, 1)));

    expect(error).toMatchObject({ code: 'INVALID_PAYLOAD', path: '$' });
  });

  it('keeps the error of a captureContext that throws: it is the application’s own', async () => {
    const mistake = new TypeError('no user');
    const options: BackgroundTasksModuleOptions = { captureContext: () => raise(mistake) };
    const { run } = await startContext({ providers: [EchoHandler], options });

    await expect(run((tasks) => tasks.enqueue(Echo, 1))).rejects.toBe(mistake);
  });
});

/** What a schema may answer that is no answer, or may throw. */
const brokenSchemas: readonly { what: string; validate: (value: unknown) => unknown }[] = [
  ...hostileThrows.map(({ what, thrown }) => ({ what: `throws ${what}`, validate: () => raise(thrown) })),
  ...hostileObjects.map(({ what, make }) => ({
    what: `answers with the issues of ${what}`,
    validate: () => ({ issues: make() }),
  })),
  ...[undefined, null, 5, CANARY, Symbol(CANARY), true].map((answer) => ({
    what: `answers ${typeof answer} ${answer === null ? '(null)' : ''}`,
    validate: () => answer,
  })),
  { what: 'answers with a revoked proxy', validate: () => revoked({}) },
  { what: 'answers with a proxy', validate: () => trapped({}, ['get']) },
  { what: 'answers with issues that throw', validate: () => withGetter({}, 'issues') },
  { what: 'answers with a value that throws', validate: () => withGetter({}, 'value') },
  { what: 'answers with issues of no kind', validate: () => ({ issues: 5 }) },
  { what: 'answers with an empty list of issues', validate: () => ({ issues: [] }) },
  { what: 'answers with a list of nothing', validate: () => ({ issues: [null] }) },
  { what: 'answers with an issue whose path throws', validate: () => ({ issues: [withGetter({}, 'path')] }) },
  { what: 'answers with an issue whose path is none', validate: () => ({ issues: [{ path: 5 }] }) },
  { what: 'answers with a step that throws', validate: () => ({ issues: [{ path: [withGetter({}, 'key')] }] }) },
  { what: 'answers with a step without a text', validate: () => ({ issues: [{ path: [{ key: revoked({}) }] }] }) },
  { what: 'answers with a promise that rejects', validate: () => Promise.reject(new Error(CANARY)) },
  {
    what: 'answers with a thenable',
    validate: () => ({ then: (_: unknown, reject: (e: unknown) => void) => reject(CANARY) }),
  },
];

describe('B28 a schema that is broken', () => {
  it.each(brokenSchemas)('refuses the payload, and nothing that it says is shown: it $what', async ({ validate }) => {
    const Broken = defineChecked(validate);
    @TaskHandler(Broken)
    class BrokenHandler {
      run(): void {}
    }
    const { run } = await startContext({ providers: [BrokenHandler] });

    const error = await errorOf(() => run((tasks) => tasks.enqueue(Broken, { secret: CANARY })));

    expect(error).toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(error).not.toHaveProperty('cause');
    expect(textOf(error)).not.toContain('canary');
  });

  it.each(brokenSchemas)('fails the task where it only breaks there: it $what', async ({ validate }) => {
    let isAtHandler = false;
    const check = (value: unknown) => (isAtHandler ? validate(value) : { value });
    const Broken = defineChecked(check);
    let ran = 0;
    @TaskHandler(Broken)
    class BrokenHandler {
      run(): void {
        ran++;
      }
    }
    const { app, host, logs } = await startContext({ providers: [BrokenHandler] });

    const task = await app.get(TaskScopes).run(({ tasks }) => {
      const enqueued = tasks.enqueue(Broken, { secret: CANARY });
      isAtHandler = true;
      return enqueued;
    });

    expect(ran).toBe(0);
    expect(await task.settled).toMatchObject({ state: 'failed', error: { code: 'INVALID_PAYLOAD' } });
    expect(host.stats()).toMatchObject({ accepted: 1, failed: 1 });
    expect(logs.errors.join()).not.toContain('canary');
  });
});

type Make = () => unknown;

/** Gives an object a getter, where it can have one. */
function withOwnGetter(target: object, key: PropertyKey, thrown: unknown): object {
  const { configurable = true } = Reflect.getOwnPropertyDescriptor(target, key) ?? {};
  return configurable ? withGetter(target, key, thrown) : target;
}

function childOf(prototype: object | null): object {
  return Object.create(prototype) as object;
}

/** Defines a task with a schema. */
function defineChecked(validate: (value: unknown) => unknown): TaskDefinition {
  const schema = { '~standard': { version: 1, vendor: 'test', validate } } as never;
  return defineTask({ name: 'broken', schema });
}

async function errorOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Everything that a log may print of an error. */
function textOf(error: unknown): string {
  const { message, stack, cause } = error as Error;
  return [message, stack, String(cause)].join('\n');
}
