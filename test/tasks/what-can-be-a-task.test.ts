import { createRequire } from 'node:module';
import { Observable, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

describe('B6 an Observable that a task returns', () => {
  it('is subscribed to once, and its error is the task’s', async () => {
    const { run, host } = await startContext();
    let subscriptions = 0;
    const post = () =>
      new Observable((subscriber) => {
        subscriptions++;
        subscriber.complete();
      });

    await run((tasks) => {
      tasks.addTask(post);
      tasks.addTask(() => throwError(() => new Error('refused')));
    });

    expect(subscriptions).toBe(1);
    expect(host.stats()).toMatchObject({ succeeded: 1, failed: 1 });
  });
});

describe('B6 an Observable of a second copy of rxjs', () => {
  it('is subscribed to as well', async () => {
    const { run, host } = await startContext();
    const other = secondCopyOf('rxjs') as typeof import('rxjs');
    let subscriptions = 0;
    const post = () =>
      new other.Observable<void>((subscriber) => {
        subscriptions++;
        subscriber.complete();
      });
    expect(post()).not.toBeInstanceOf(Observable);

    await run((tasks) => {
      tasks.addTask(post);
      tasks.addTask(() => other.throwError(() => new Error('refused')));
    });

    expect(subscriptions).toBe(1);
    expect(host.stats()).toMatchObject({ succeeded: 1, failed: 1 });
  });

  it('is not looked for in an object that throws at members it does not know', async () => {
    const { run, host } = await startContext();
    const strict = new Proxy({}, { get: (_, key) => (key === 'then' ? undefined : raise(key)) });

    await run((tasks) => tasks.addTask(() => strict));

    expect(host.stats()).toMatchObject({ succeeded: 1, failed: 0 });
  });
});

describe('B6 what can be a task', () => {
  it('runs a synchronous function, an arrow function and an async function', async () => {
    const { run, host } = await startContext();
    const ran: string[] = [];
    await run((tasks) => {
      tasks.addTask(function plain() {
        ran.push('plain');
      });
      tasks.addTask(() => ran.push('arrow'));
      tasks.addTask(async () => {
        await Promise.resolve();
        ran.push('async');
      });
    });
    expect(ran).toEqual(['plain', 'arrow', 'async']);
    expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 3 });
  });

  it('calls the then() of a lazy thenable, once, and waits for it', async () => {
    const { run } = await startContext();
    const query = new LazyQuery();
    const order: string[] = [];
    const work = run((tasks) => {
      tasks.addTask(() => query);
      tasks.addTask(() => order.push('next'));
    });
    await query.begun.promise;
    expect(order).toEqual([]);
    order.push('query');
    query.finished.resolve();
    await work;
    expect(order).toEqual(['query', 'next']);
    expect(query.executions).toBe(1);
  });

  it('waits for a promise of another class than the global one', async () => {
    const { run } = await startContext();
    const gate = deferred();
    const order: string[] = [];
    class OtherPromise<T> extends Promise<T> {}
    const started = deferred();
    const work = run((tasks) => {
      tasks.addTask(() => {
        started.resolve();
        return OtherPromise.resolve(gate.promise).then(() => order.push('first'));
      });
      tasks.addTask(() => order.push('second'));
    });
    await started.promise;
    gate.resolve();
    await work;
    expect(order).toEqual(['first', 'second']);
  });

  it('keeps the this and the arguments of a bound function', async () => {
    const { run } = await startContext();
    const mailer = new Mailer('smtp');
    await run((tasks) => tasks.addTask(mailer.send.bind<Mailer, ['ada'], [string], void>(mailer, 'ada'), 'hello'));
    expect(mailer.sent).toEqual(['smtp: hello to ada']);
  });

  it('keeps the this of a method, also of an inherited one', async () => {
    const { run } = await startContext();
    const mailer = new LoudMailer('smtp');
    await run((tasks) => tasks.addTask(mailer, 'send', 'ada', 'hello'));
    expect(mailer.sent).toEqual(['smtp: hello to ada']);
  });

  it('calls the method that was there when the task was added', async () => {
    const { run } = await startContext();
    const ran: string[] = [];
    const target = { work: () => ran.push('added') };
    await run((tasks) => {
      tasks.addTask(target, 'work');
      target.work = () => ran.push('replaced');
    });
    expect(ran).toEqual(['added']);
  });

  it('calls a plain function without a this', async () => {
    const { run } = await startContext();
    const seen: unknown[] = [];
    await run((tasks) =>
      tasks.addTask(function (this: unknown) {
        seen.push(this);
      }),
    );
    expect(seen).toEqual([undefined]);
  });

  it('passes arguments by reference, as many as were given', async () => {
    const { run } = await startContext();
    const order = { id: 1, state: 'new' };
    const list: unknown[] = [];
    const seen: unknown[][] = [];
    await run((tasks) => {
      tasks.addTask((...args: unknown[]) => seen.push(args), order, list, undefined);
      order.state = 'paid';
    });
    expect(seen[0]).toHaveLength(3);
    expect(seen[0]![0]).toBe(order);
    expect(seen[0]![1]).toBe(list);
    expect(order.state).toBe('paid');
  });

  it('takes a callable whose name is not a string', async () => {
    const { run } = await startContext();
    const odd = Object.defineProperty(() => undefined, 'name', { value: { not: 'a string' } });
    const task = await run((tasks) => tasks.addTask(odd));
    expect(task).toMatchObject({ name: 'anonymous', state: 'succeeded' });
  });
});

/** Does its work when it is awaited, as query builders do. */
class LazyQuery implements PromiseLike<void> {
  readonly begun = deferred();
  readonly finished = deferred();
  executions = 0;

  then<A = void, B = never>(
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.executions++;
    this.begun.resolve();
    return this.finished.promise.then(onFulfilled, onRejected);
  }
}

class Mailer {
  readonly sent: string[] = [];

  constructor(private readonly transport: string) {}

  send(to: string, text: string): void {
    this.sent.push(`${this.transport}: ${text} to ${to}`);
  }
}

class LoudMailer extends Mailer {}

/** Loads a package again, as an application has it that installed two versions. */
function secondCopyOf(name: string): unknown {
  const require = createRequire(import.meta.url);
  for (const path of Object.keys(require.cache)) if (path.includes(`node_modules/${name}/`)) delete require.cache[path];
  return require(name);
}

function raise(key: PropertyKey): never {
  throw new TypeError(`There is no member ${String(key)}.`);
}
