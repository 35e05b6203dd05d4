import { expect } from 'vitest';

/** A value that an option cannot have, and how the error is to speak of it. */
export interface BadOption {
  readonly options: unknown;
  /** The option as the message names it. */
  readonly option: string;
  readonly received: string;
  /** A part of the advice. */
  readonly fix: string;
}

const MILLISECONDS = 'Give milliseconds as a number from 0 to 2147483647.';
const COUNT = 'Give a whole number of 1 or more, or Infinity.';

const notNumbers = [
  { value: '5', received: '"5"' },
  { value: null, received: 'null' },
  { value: true, received: 'true' },
  { value: 5n, received: '5' },
  { value: [5], received: 'an array' },
  { value: {}, received: 'an instance of Object' },
] as const;

/** What no duration can be. */
export function badDurations(option: string): BadOption[] {
  return [
    ...notNumbers,
    { value: -1, received: '-1' },
    { value: NaN, received: 'NaN' },
    { value: Infinity, received: 'Infinity' },
    { value: -Infinity, received: '-Infinity' },
    { value: 2 ** 31, received: '2147483648' },
  ].map(({ value, received }) => ({ options: nested(option, value), option, received, fix: MILLISECONDS }));
}

/** What no count can be. */
export function badCounts(option: string): BadOption[] {
  return [
    ...notNumbers,
    { value: 0, received: '0' },
    { value: -1, received: '-1' },
    { value: 1.5, received: '1.5' },
    { value: NaN, received: 'NaN' },
    { value: -Infinity, received: '-Infinity' },
    { value: 2 ** 53, received: '9007199254740992' },
  ].map(({ value, received }) => ({ options: nested(option, value), option, received, fix: COUNT }));
}

/** What none of these words can be. */
export function badChoices(option: string, choices: readonly string[]): BadOption[] {
  const fix = `Give one of ${choices.map((choice) => `'${choice}'`).join(', ')}.`;
  return [
    { value: 'sometimes', received: '"sometimes"' },
    { value: choices[0]!.toUpperCase(), received: JSON.stringify(choices[0]!.toUpperCase()) },
    { value: '', received: '""' },
    { value: null, received: 'null' },
    { value: true, received: 'true' },
    { value: 0, received: '0' },
    { value: [choices[0]], received: 'an array' },
  ].map(({ value, received }) => ({ options: nested(option, value), option, received, fix }));
}

/** What no group of options can be. */
export function badGroups(option: string): BadOption[] {
  return [
    { value: null, received: 'null' },
    { value: [], received: 'an array' },
    { value: 3, received: '3' },
    { value: true, received: 'true' },
    { value: 'often', received: '"often"' },
    { value: () => undefined, received: 'function value' },
  ].map(({ value, received }) => ({ options: nested(option, value), option, received, fix: 'Give an object.' }));
}

/** The retry options, as the module and a task have them. */
export const badRetries: readonly BadOption[] = [
  ...badGroups('retry'),
  ...badCounts('retry.attempts'),
  ...badDurations('retry.delayMs'),
  ...badDurations('retry.maxDelayMs'),
  ...[0, 0.5, -2, NaN, Infinity, '2', null].map((value) => ({
    options: nested('retry.factor', value),
    option: 'retry.factor',
    received: typeof value === 'string' ? JSON.stringify(value) : String(value),
    fix: 'Give a number of 1 or more.',
  })),
  ...[-0.1, 1.1, NaN, Infinity, '0.5', null].map((value) => ({
    options: nested('retry.jitter', value),
    option: 'retry.jitter',
    received: typeof value === 'string' ? JSON.stringify(value) : String(value),
    fix: 'Give a number from 0 to 1.',
  })),
  {
    options: nested('retry.attempt', 3),
    option: 'retry.attempt',
    received: 'a number',
    fix: 'There is no such option; there are attempts, delayMs, factor, maxDelayMs, jitter.',
  },
];

/** The error that a bad option is. */
export function invalidOption({ option, received, fix }: BadOption): unknown {
  return expect.objectContaining({
    name: 'InvalidOptionError',
    code: 'INVALID_OPTION',
    message: `Invalid option "${option}": received ${received}. ${fix}`,
  });
}

/** `nested('retry.attempts', 0)` is `{ retry: { attempts: 0 } }`. */
function nested(path: string, value: unknown): unknown {
  return path.split('.').reduceRight((inner, key) => ({ [key]: inner }), value);
}
