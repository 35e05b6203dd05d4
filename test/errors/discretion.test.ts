import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasksModule,
  type BackgroundTasksModuleOptions,
  InvalidOptionError,
  NotAFunctionError,
  provideResource,
  type TaskOptions,
  UnknownMethodError,
} from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';

const SECRET = 'canary 4111-1111-1111-1111';

class Card {
  readonly number = SECRET;
  toString = () => SECRET;
  toJSON = () => SECRET;
}

/** Whatever a user may hand in by mistake, with a secret in it. */
const values: { readonly what: string; readonly value: unknown }[] = [
  { what: 'a string', value: SECRET },
  { what: 'a long word', value: 'canary'.repeat(10) },
  { what: 'an object', value: { number: SECRET } },
  { what: 'an array', value: [SECRET] },
  { what: 'an instance that prints itself', value: new Card() },
  { what: 'an error', value: new Error(SECRET) },
  { what: 'a symbol', value: Symbol(SECRET) },
  { what: 'a map', value: new Map([[SECRET, SECRET]]) },
  { what: 'a payload with a member called constructor', value: { constructor: { name: SECRET } } },
  { what: 'an object without a prototype', value: Object.assign(Object.create(null) as object, { number: SECRET }) },
  { what: 'a proxy that refuses to be looked at', value: new Proxy({}, { getPrototypeOf: refuse, get: refuse }) },
];

describe('what a message shows of a value', () => {
  it.each(values)('is its kind, for $what', ({ value }) => {
    const messages = [
      new InvalidOptionError('timeoutMs', value, 'Give milliseconds.').message,
      new NotAFunctionError(value).message,
      new UnknownMethodError({}, value).message,
    ];

    expect(messages.join()).not.toContain('canary');
    expect(messages.join()).toMatch(/received (a|an) /);
  });

  it.each<[unknown, string]>([
    ['sucess', 'received "sucess".'],
    [-1, 'received -1.'],
    [NaN, 'received NaN.'],
    [5n, 'received 5.'],
    [false, 'received false.'],
    [null, 'received null.'],
    [undefined, 'received undefined.'],
    [function send() {}, 'received function send.'],
    [() => undefined, 'received a function.'],
    [Object.create(null), 'received an object.'],
    [new Date(), 'received an instance of Date.'],
  ])('is the value itself where that is a number or a word: %o', (value, text) => {
    expect(new InvalidOptionError('runOn', value, 'Give a word.').message).toContain(text);
  });
});

describe('what was meant for something else', () => {
  it('is not shown by an unknown option of the module', async () => {
    @Module({ imports: [BackgroundTasksModule.forRoot({ password: 'canary' } as BackgroundTasksModuleOptions)] })
    class AppModule {}

    const start = Test.createTestingModule({ imports: [AppModule] }).compile();

    await expect(start).rejects.toThrow(InvalidOptionError);
    await expect(start).rejects.toThrow(
      'Invalid option "password": received a string. There is no such option; there are ',
    );
    await expect(start).rejects.not.toThrow('canary');
  });

  it('is not shown by an unknown option of a task or a resource', () => {
    const tasks = new RecordingBackgroundTasks();
    const provider = { provide: Card, useFactory: () => new Card(), dispose: () => undefined, password: 'canary' };

    expect(() => tasks.with({ password: 'canary' } as TaskOptions)).toThrow(
      'received a string. There is no such option',
    );
    expect(() => provideResource(provider)).toThrow('received a string. There is no such option');
  });
});

function refuse(): never {
  throw new Error(SECRET);
}
