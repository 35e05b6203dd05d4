import type { ModuleRef } from '@nestjs/core';
import type { BackgroundTask, BackgroundTasks, MethodArguments, MethodName, TaskReport } from '../../src/index.js';

declare const tasks: BackgroundTasks;
declare const mailer: Mailer;
declare const storage: Storage;
declare const moduleRef: ModuleRef;
type Any = ReturnType<typeof JSON.parse>;
declare const mock: { (...args: Any[]): Any; calls: unknown[]; reset(): void };
declare const anything: Any;
declare const fail: () => never;

export const correct = (): BackgroundTask[] => [
  tasks.addTask(sendMail, 'ada@example.org'),
  tasks.addTask(sendMail, 'ada@example.org', 2),
  tasks.addTask(collect, 'label', 1, 2, 3),
  tasks.addTask(collect, 'label'),
  tasks.addTask(keep, new Date()),
  tasks.addTask(keep<string>, 'text'),
  tasks.addTask(load, 1, true),
  tasks.addTask(() => undefined),
  tasks.addTask(async () => await Promise.resolve(1)),
  tasks.addTask(() => mailer.send('ada@example.org')),
  tasks.addTask(sendMail.bind(undefined, 'ada@example.org')),
  tasks.addTask(mailer.send.bind(mailer, 'ada@example.org'), { copy: true }),
  tasks.addTask(mailer, 'send', 'ada@example.org'),
  tasks.addTask(mailer, 'send', 'ada@example.org', { copy: true }),
  tasks.addTask(mailer, 'close'),
  tasks.addTask(mailer, 'tag', 'a', 'b'),
  tasks.addTask(mailer, 'onSent', 'id'),
  tasks.addTask(storage, 'write', 'path'),
  tasks.with({ runOn: 'always' }).addTask(sendMail, 'ada@example.org'),
  tasks.with({ timeoutMs: 100 }).with({ name: 'mail' }).addTask(mailer, 'send', 'ada@example.org'),
  // What is not annotated is inferred.
  tasks.addTask((id) => id, 5),
  tasks.addTask(subscribe, (id) => id.toFixed()),
  tasks.addTask(mailer, 'onEvent', 'sent', (id) => id.toFixed()),
  tasks.addTask(mailer, 'keep', 5),
  tasks.addTask(mailer, 'load', 1, true),
  tasks.addTask({ run: (_id: string) => undefined }, 'run', 'a'),
  tasks.addTask(new Map<string, number>(), 'set', 'a', 1),
  tasks.addTask(['a'], 'push', 'b'),
  tasks.addTask(console, 'log', 'a', 1),
  tasks.addTask(Math.random() > 0.5 ? sendMail : keep<string>, 'ada@example.org'),
  // Functions with members, as mocks are.
  tasks.addTask(mock, 1, 'a'),
  tasks.addTask(Object.assign(sendMail, { times: 1 }), 'ada@example.org'),
  tasks.addTask((_id: number): never => fail(), 1),
  // What an injector returns keeps its type.
  tasks.addTask(moduleRef.get(Mailer), 'send', 'ada@example.org'),
  // What is of any type fits.
  tasks.addTask(anything, 1, 'a'),
  tasks.addTask(mailer, 'send', anything),
];

export function forwardFunction<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): BackgroundTask {
  return tasks.addTask(fn, ...args);
}

export function forwardMethod<T extends object, K extends MethodName<T>>(
  target: T,
  method: K,
  ...args: MethodArguments<T, K>
): BackgroundTask {
  return tasks.addTask(target, method, ...args);
}

export function callGeneric<T extends Mailer, E>(target: T, repository: { save(entity: E): void }, entity: E): T {
  tasks.addTask(target, 'send', 'ada@example.org');
  tasks.addTask(repository, 'save', entity);
  tasks.addTask((given: E) => repository.save(given), entity);
  return target;
}

export abstract class Repository<E> {
  saveLater(entity: E): void {
    tasks.addTask(this, 'save', entity);
    // @ts-expect-error -- a number is no entity
    tasks.addTask(this, 'save', 1);
  }

  protected abstract save(entity: E): void;
}

export function wrongArgumentsOfAFunction(): void {
  // @ts-expect-error -- a number is no address
  tasks.addTask(sendMail, 1);
  // @ts-expect-error -- the address is missing
  tasks.addTask(sendMail);
  // @ts-expect-error -- there is no third parameter
  tasks.addTask(sendMail, 'ada@example.org', 2, 3);
  // @ts-expect-error -- the second parameter is a number
  tasks.addTask(sendMail, 'ada@example.org', 'twice');
  // @ts-expect-error -- the rest are numbers
  tasks.addTask(collect, 'label', 1, 'two');
  // @ts-expect-error -- it takes nothing
  tasks.addTask(() => undefined, 1);
  // @ts-expect-error -- no overload takes a date
  tasks.addTask(load, new Date(), true);
  // @ts-expect-error -- with() keeps the types
  tasks.with({ runOn: 'failure' }).addTask(sendMail, 1);
  // @ts-expect-error -- a bound argument is not asked for again
  tasks.addTask(sendMail.bind(undefined, 'ada@example.org'), 'ada@example.org');
}

export function notAFunction(): void {
  // @ts-expect-error -- the result of a call is no function
  tasks.addTask(sendMail('ada@example.org'));
  // @ts-expect-error -- nor is a promise
  tasks.addTask(mailer.send('ada@example.org'));
  // @ts-expect-error -- nor is nothing
  tasks.addTask();
  // @ts-expect-error -- nor is undefined
  tasks.addTask(undefined);
  // @ts-expect-error -- nor is a name
  tasks.addTask('sendMail', 'ada@example.org');
  // @ts-expect-error -- a class is called with new
  tasks.addTask(Mailer);
  // @ts-expect-error -- a class is no target either: it would be taken for the function
  tasks.addTask(Mailer, 'create');
  // @ts-expect-error -- it may be missing
  tasks.addTask(storage.flush);
}

export function wrongMethods(): void {
  // @ts-expect-error -- misspelt
  tasks.addTask(mailer, 'sned', 'ada@example.org');
  // @ts-expect-error -- misspelt
  tasks.addTask(moduleRef.get(Mailer), 'sned', 'ada@example.org');
  // @ts-expect-error -- a value, not a method
  tasks.addTask(mailer, 'address');
  // @ts-expect-error -- a getter of a value, not a method
  tasks.addTask(mailer, 'isOpen');
  // @ts-expect-error -- static
  tasks.addTask(mailer, 'create');
  // @ts-expect-error -- the method may be missing
  tasks.addTask(storage, 'flush');
  // @ts-expect-error -- which method?
  tasks.addTask(mailer);
  // @ts-expect-error -- a number is no address
  tasks.addTask(mailer, 'send', 1);
  // @ts-expect-error -- the address is missing
  tasks.addTask(mailer, 'send');
  // @ts-expect-error -- it takes nothing
  tasks.addTask(mailer, 'close', 1);
  // @ts-expect-error -- there is no such option of send()
  tasks.addTask(mailer, 'send', 'ada@example.org', { copies: 2 });
  // @ts-expect-error -- a function is no target
  tasks.addTask(() => undefined, 'call');
}

export async function handlesAreReadOnly(task: BackgroundTask): Promise<TaskReport> {
  // @ts-expect-error -- only the package changes it
  task.state = 'cancelled';
  // @ts-expect-error -- there is no such state
  if (task.state === 'done') return task.settled;
  // @ts-expect-error -- withdraw it with cancel()
  tasks.pending.pop();
  const report = await task.settled;
  // @ts-expect-error -- a report is about a task that has ended
  if (report.state === 'running') return report;
  return report;
}

function sendMail(_address: string, _times = 1): Promise<void> {
  return Promise.resolve();
}

function collect(_label: string, ..._values: number[]): void {}

function subscribe(_listener: (id: number) => void): void {}

function keep<T>(value: T): T {
  return value;
}

function load(id: string): void;
function load(id: number, force: boolean): void;
function load(_id: string | number, _force?: boolean): void {}

class Mailer {
  readonly #secret = 1;
  readonly address = 'noreply@example.org';
  readonly onSent = (_id: string): void => undefined;

  get isOpen(): boolean {
    return this.connect();
  }

  static create(): Mailer {
    return new Mailer();
  }

  send(_address: string, _options?: { copy: boolean }): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}

  tag(..._tags: string[]): void {}

  onEvent(_event: 'sent' | 'failed', _listener: (id: number) => void): void {}

  keep<T>(value: T): T {
    return value;
  }

  load(id: string): void;
  load(id: number, force: boolean): void;
  load(_id: string | number, _force?: boolean): void {}

  /** `this` is known by its methods, private ones included. */
  later(): void {
    tasks.addTask(this, 'send', 'ada@example.org');
    tasks.addTask(this, 'connect');
    // @ts-expect-error -- a number is no address
    tasks.addTask(this, 'send', 1);
    // @ts-expect-error -- it takes nothing
    tasks.addTask(this, 'close', 1);
    // @ts-expect-error -- misspelt
    tasks.addTask(this, 'sned', 'ada@example.org');
    // @ts-expect-error -- a value, not a method
    tasks.addTask(this, 'address');
    // @ts-expect-error -- which method?
    tasks.addTask(this);
  }

  private connect(): boolean {
    return this.#secret > 0;
  }
}

interface Storage {
  write(path: string): Promise<void>;
  flush?(): void;
}
