import { ConsoleLogger, type DynamicModule, type INestApplicationContext, type LoggerService } from '@nestjs/common';
import { Logger as PinoLogger, LoggerModule, NativeLogger } from 'nestjs-pino';
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { BackgroundTasks } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { createContext, startContext } from '../support/start-context.js';

const SECRET = 'canary-3b70';
const LINE = /^Task "charge" failed \(id [\w-]{36}, attempt 2, [\d.]+ ms, added at .*\): TypeError: broken\n/;

/** What nestjs-pino has written. It keeps the first stream of the process. */
const written: string[] = [];
const stream = new Writable({
  write(line: Buffer, _encoding, done) {
    written.push(line.toString());
    done();
  },
});

/** The loggers that write objects, and where in a record the line and the facts are. */
const structured: readonly {
  readonly name: string;
  readonly imports?: DynamicModule[];
  readonly loggerOf: (app: INestApplicationContext) => LoggerService;
  readonly read: (entry: Entry) => { readonly line: unknown; readonly facts: Facts | undefined };
}[] = [
  {
    name: 'ConsoleLogger({ json: true })',
    loggerOf: () => new ConsoleLogger({ json: true }),
    read: ({ message, params }) => ({ line: message, facts: params }),
  },
  {
    name: 'ConsoleLogger({ json: true, flattenParams: true })',
    loggerOf: () => new ConsoleLogger({ json: true, flattenParams: true }),
    read: ({ message, ...facts }) => ({ line: message, facts }),
  },
  {
    name: 'Logger of nestjs-pino',
    imports: [LoggerModule.forRoot({ pinoHttp: [{}, stream] })],
    loggerOf: (app) => app.get(PinoLogger),
    read: ({ msg, ...facts }) => ({ line: msg, facts }),
  },
  {
    name: 'NativeLogger of nestjs-pino',
    imports: [LoggerModule.forRoot({ pinoHttp: [{}, stream] })],
    loggerOf: (app) => app.get(NativeLogger),
    read: ({ msg, params }) => ({ line: msg, facts: params }),
  },
];

describe.each(structured)('a log line about tasks, written by the $name', ({ imports = [], loggerOf, read }) => {
  async function entries(add: (tasks: BackgroundTasks) => void) {
    written.length = 0;
    const { app, run } = await startContext({ imports, options: { captureStackTraces: true } });
    app.useLogger(loggerOf(app));
    captureOutput();
    await run(add);
    return written.map((text) => read(JSON.parse(text) as Entry));
  }

  it('is that of a failure, and has the task as an object', async () => {
    const [entry] = await entries((tasks) => {
      tasks.with({ retry: { attempts: 2, delayMs: 0 } }).addTask(charge, SECRET);
    });

    expect(entry!.line).toMatch(LINE);
    expect(entry!.facts?.task).toEqual({
      id: expect.stringMatching(/^[\w-]{36}$/) as string,
      name: 'charge',
      state: 'failed',
      attempt: 2,
      durationMs: expect.any(Number) as number,
      scope: 'a unit of work',
      place: expect.stringContaining('structured-logs.test.ts') as string,
    });
    expect(written.join()).not.toContain(SECRET);
  });

  it('is that of tasks that were discarded, and has each as an object', async () => {
    const [entry] = await entries((tasks) => {
      for (const name of ['a', 'b']) tasks.with({ name, runOn: 'failure' }).addTask(charge, SECRET);
    });

    expect(entry!.line).toBe('Discarded "a", "b": a unit of work succeeded.');
    expect(entry!.facts?.tasks).toMatchObject([
      { name: 'a', state: 'discarded', attempt: 0, scope: 'a unit of work' },
      { name: 'b', state: 'discarded', attempt: 0, scope: 'a unit of work' },
    ]);
    expect(written.join()).not.toContain(SECRET);
  });

  it('is that of a shutdown, and has each task that was left as an object', async () => {
    written.length = 0;
    const { app, run } = await createContext({ imports, options: { shutdownTimeoutMs: 0 } });
    app.useLogger(loggerOf(app));
    captureOutput();
    const [begun, never] = [deferred(), deferred()];
    const running = run((tasks) => {
      tasks.addTask(async function hangs() {
        begun.resolve();
        await never.promise;
      });
      tasks.addTask(charge, SECRET);
    });

    await begun.promise;
    await app.close();
    await running;

    const left = written.map((text) => read(JSON.parse(text) as Entry)).find(({ facts }) => facts?.tasks);
    expect(left!.line).toMatch(/^Shutdown took 0 ms: abandoned 2 task\(s\)/);
    expect(left!.facts?.tasks).toMatchObject([
      { name: 'hangs', state: 'abandoned', attempt: 1, scope: 'a unit of work' },
      { name: 'charge', state: 'abandoned', attempt: 0, scope: 'a unit of work' },
    ]);
    expect(written.join()).not.toContain(SECRET);
  });
});

describe('a log line about a task, written by', () => {
  async function fail(logger: LoggerService): Promise<string> {
    written.length = 0;
    const { app, run } = await startContext({ options: { captureStackTraces: true } });
    app.useLogger(logger);
    captureOutput();
    await run((tasks) => void tasks.with({ retry: { attempts: 2, delayMs: 0 } }).addTask(charge, SECRET));
    return stripVTControlCharacters(written.join(''));
  }

  it.each([
    ['the default ConsoleLogger', new ConsoleLogger()],
    ['a ConsoleLogger with colours', new ConsoleLogger({ colors: true })],
    ['a ConsoleLogger on one line', new ConsoleLogger({ compact: true })],
  ])('%s is text without an object', async (_, logger) => {
    const text = await fail(logger);

    const [, message = ''] = text.split('[BackgroundTasks] ');
    expect(text).toMatch(/^\[Nest\] /);
    expect(message).toMatch(LINE);
    expect(message).not.toMatch(/durationMs|\{/);
  });

  it('a ConsoleLogger of JSON in colours has its object', async () => {
    const text = await fail(new ConsoleLogger({ json: true, colors: true }));

    expect(text).toMatch(/params: \{\s+task: \{/);
    expect(text).toMatch(/name: 'charge'/);
  });

  it.each<[string, (message: unknown) => string]>([
    ['prints what it is given', (message) => String(message)],
    ['takes nothing but text', (message) => (message as string).trimStart()],
    ['reads the message of an object, as that of winston', (message) => (message as { message: string }).message],
  ])('a logger that %s has the line', async (_, read) => {
    const lines: string[] = [];
    const note = (message: unknown) => void lines.push(read(message));

    await fail({ log: note, warn: note, error: note });

    expect(lines).toEqual([expect.stringMatching(LINE)]);
  });
});

/** A record of a logger. */
interface Entry extends Facts {
  readonly message?: unknown;
  readonly msg?: unknown;
  readonly params?: Facts;
}

interface Facts {
  readonly task?: object;
  readonly tasks?: readonly object[];
}

/** Keeps what is written to the two streams of the process, instead of showing it. */
function captureOutput(): void {
  for (const output of [process.stdout, process.stderr]) {
    const spy = vi.spyOn(output, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    onTestFinished(() => spy.mockRestore());
  }
}

async function charge(secret: string) {
  throw Object.assign(new TypeError('broken'), { secret });
}
