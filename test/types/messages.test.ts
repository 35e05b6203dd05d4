import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EditedFile } from '../support/diagnostics.js';

const fixture = readFileSync(join(import.meta.dirname, 'messages.fixture.txt'), 'utf8');

const noFunction = (what: string) =>
  `Argument of type '${what}' is not assignable to parameter of type '(...args: unknown[]) => unknown'.
  Type '${what}' provides no match for the signature '(...args: unknown[]): unknown'.`;

const sendTakes = '[address: string, options?: MailOptions | undefined]';
const methods = '"send" | "close" | "tag" | "on" | "load" | "later" | "connect"';

const addTask = {
  'too few arguments for a method': [
    `tasks.addTask(mailer, 'send');`,
    `Argument of type '[]' is not assignable to parameter of type '${sendTakes}'.
  Source has 0 element(s) but target requires 1.`,
  ],
  'an argument of the wrong type for a method': [
    `tasks.addTask(mailer, 'send', 1);`,
    `Argument of type '[1]' is not assignable to parameter of type '${sendTakes}'.
  Type at position 0 in source is not compatible with type at position 0 in target.
    Type 'number' is not assignable to type 'string'.`,
  ],
  'an unknown option of a method': [
    `tasks.addTask(mailer, 'send', 'ada@example.org', { copies: 2 });`,
    `Argument of type '["ada@example.org", { copies: number; }]' is not assignable to parameter of type '${sendTakes}'.
  Type at position 1 in source is not compatible with type at position 1 in target.
    Object literal may only specify known properties, and 'copies' does not exist in type 'MailOptions'.`,
  ],
  'too many arguments for a method': [
    `tasks.addTask(mailer, 'close', 1);`,
    `Argument of type '[number]' is not assignable to parameter of type '[]'.
  Source has 1 element(s) but target allows only 0.`,
  ],
  'a misspelt method': [
    `tasks.addTask(mailer, 'sned', 'ada@example.org');`,
    `Argument of type '"sned"' is not assignable to parameter of type '${methods}'.`,
  ],
  'a member that is no method': [
    `tasks.addTask(mailer, 'address');`,
    `Argument of type '"address"' is not assignable to parameter of type '${methods}'.`,
  ],
  'a method that may be missing': [
    `tasks.addTask(storage, 'flush');`,
    `Argument of type '"flush"' is not assignable to parameter of type '"write"'.`,
  ],
  'too few arguments for a method of this': [
    `tasks.addTask(this, 'send');`,
    `Argument of type '[]' is not assignable to parameter of type '${sendTakes}'.
  Source has 0 element(s) but target requires 1.`,
  ],
  'a misspelt method of this': [
    `tasks.addTask(this, 'sned', 'ada@example.org');`,
    `Argument of type '"sned"' is not assignable to parameter of type '${methods}'.`,
  ],
  'too few arguments for a function': [
    `tasks.addTask(sendMail);`,
    `Argument of type '[]' is not assignable to parameter of type '[address: string, times?: number | undefined]'.
  Source has 0 element(s) but target requires 1.`,
  ],
  'an argument of the wrong type for a function': [
    `tasks.addTask(sendMail, 1);`,
    `Argument of type '[1]' is not assignable to parameter of type '[address: string, times?: number | undefined]'.
  Type at position 0 in source is not compatible with type at position 0 in target.
    Type 'number' is not assignable to type 'string'.`,
  ],
  'too many arguments for a function': [
    `tasks.addTask(() => undefined, 1);`,
    `Argument of type '[number]' is not assignable to parameter of type '[]'.
  Source has 1 element(s) but target allows only 0.`,
  ],
  'a target without a method': [`tasks.addTask(mailer);`, noFunction('Mailer')],
  'the promise of a call': [`tasks.addTask(sendMail('ada@example.org'));`, noFunction('Promise<void>')],
  'a misspelt method in a test': [
    `recorded.assertAdded(mailer, 'sned');`,
    `Argument of type '"sned"' is not assignable to parameter of type '${methods}'.`,
  ],
  'an argument of the wrong type in a test': [
    `recorded.assertAdded(storage, 'write', 1);`,
    `Argument of type '[1]' is not assignable to parameter of type 'Partial<NoInfer<[path: string]>>'.
  Types of property '0' are incompatible.
    Type 'number' is not assignable to type 'string'.`,
  ],
} as const;

const useFactory = {
  'another parameter than what is injected': [
    `useFactory: (mailer: Mailer) => begin(mailer),`,
    `Type '(mailer: Mailer) => Session' is not assignable to type 'FactoryThatTakes<[DataSource]>'.`,
  ],
  'more parameters than what is injected': [
    `useFactory: (source: DataSource, mailer: Mailer) => begin(source, mailer),`,
    `Type '(source: DataSource, mailer: Mailer) => Session' is not assignable to type 'FactoryThatTakes<[DataSource]>'.`,
  ],
  'parameters in another order': [
    `useFactory: (limit: string, source: DataSource) => begin(source, limit),`,
    `Type '(limit: string, source: DataSource) => Session' is not assignable to type ` +
      `'FactoryThatTakes<[DataSource, unknown]>'.`,
  ],
  'a parameter where nothing is injected': [
    `useFactory: (source: DataSource) => begin(source),`,
    `Type '(source: DataSource) => Session' is not assignable to type 'FactoryThatTakes<[]>'.`,
  ],
} as const;

const payload = {
  'a Date': [`defineTask<{ at: Date }>(named);`, '$.at is a Date, which would arrive as a string: use a string'],
  'a Date deep inside': [
    `defineTask<{ order: { lines: readonly { at?: Date }[] } }>(named);`,
    '$.order.lines[].at is a Date, which would arrive as a string: use a string',
  ],
  'one type of a union': [
    `defineTask<{ at: string | Date }>(named);`,
    '$.at is a Date, which would arrive as a string: use a string',
  ],
  'a Date as the payload': [`defineTask<Date>(named);`, '$ is a Date, which would arrive as a string: use a string'],
  'a Map': [
    `defineTask<{ stock: Map<string, number> }>(named);`,
    '$.stock is a Map or a Set: use an array or an object',
  ],
  'a bigint': [`defineTask<{ id: bigint }>(named);`, '$.id is a bigint: use a string'],
  'an instance of a class': [`defineTask<{ to: Mailer }>(named);`, '$.to has methods: use a plain object'],
  'a Buffer': [`defineTask<{ file: Buffer }>(named);`, '$.file has methods: use a plain object'],
  'undefined in an array': [`defineTask<{ list: (string | undefined)[] }>(named);`, '$.list[] is undefined: use null'],
  'no payload': [`defineTask<void>(named);`, '$ is undefined: use null'],
  'a key that is a symbol': [
    `defineTask<{ [Symbol.iterator]: string }>(named);`,
    '$ has a member whose key is a symbol',
  ],
  'what a schema takes': [
    `defineTask({ name: 'a', schema: z.object({ at: z.date() }) });`,
    '$.at is a Date, which would arrive as a string: use a string',
  ],
} as const;

const lines = [addTask, useFactory, payload].flatMap((cases) => Object.values(cases).map(([line]) => line));
const missing = lines.filter((line) => !fixture.includes(line));

describe('B6 the messages of the compiler', { timeout: 60_000 }, () => {
  const file = new EditedFile(fixture);
  let messages: Map<string, string[]>;
  beforeAll(() => {
    messages = file.messages();
  }, 60_000);

  it('are about the lines of this test and no others', () => {
    expect(missing).toEqual([]);
    expect([...messages.keys()].filter((line) => !lines.includes(line as never))).toEqual([]);
  });

  it.each(Object.entries({ ...addTask, ...useFactory }))('name what is right for %s', (_what, [line, message]) => {
    expect(messages.get(line)).toEqual([message]);
  });

  it.each(Object.entries(payload))('name the path and the reason for %s in a payload', (_what, [line, problem]) => {
    expect(messages.get(line)).toEqual([
      expect.stringMatching(/^Argument of type .*\n  Property '\[notJson\]' is missing in type .*$/),
    ]);
    expect(messages.get(line)![0]).toMatch(`required in type 'NotJson<"${problem}">'.`);
  });

  it('leave the editor able to complete the name of a method and its arguments', () => {
    expect(file.completions("tasks.addTask(mailer, '|on'")).toEqual(expect.arrayContaining(['send', 'close', 'on']));
    expect(file.completions("tasks.addTask(mailer, 'on', '|sent'")).toEqual(['sent', 'failed']);
    expect(file.completions("tasks.addTask(mailer, 'send', 'ada@example.org', { |copy")).toContain('copy');
    expect(file.completions("tasks.addTask(switchMode, '|on'")).toEqual(['on', 'off']);
    expect(file.completions('source.|url')).toEqual(['url']);
  });
});
