import { describeKind } from '../errors/describe-value.js';
import { InvalidOptionError } from '../errors/errors.js';

/** Returns the value if it can be that option, else throws {@link InvalidOptionError}. */
export type Check<T> = (option: string, value: unknown) => T;

/** setTimeout fires at once above that, the opposite of what such a value asks for. */
export const MAX_TIMER_MS = 2_147_483_647;

export const milliseconds: Check<number> = (option, value) => {
  if (typeof value === 'number' && value >= 0 && value <= MAX_TIMER_MS) return value;
  throw new InvalidOptionError(option, value, 'Give milliseconds as a number from 0 to 2147483647.');
};

export const count: Check<number> = (option, value) => {
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1)) return value as number;
  throw new InvalidOptionError(option, value, 'Give a whole number of 1 or more, or Infinity.');
};

/** A count that has to be finite: of threads, or of bytes. */
export function wholeNumber(least: number): Check<number> {
  return (option, value) => {
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
    throw new InvalidOptionError(option, value, `Give a whole number of ${least} or more.`);
  };
}

/** Milliseconds of a timer that must not be too short, and that a server is told: it takes no fractions. */
export function wholeMilliseconds(least: number): Check<number> {
  return (option, value) => {
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= MAX_TIMER_MS)
      return value as number;
    throw new InvalidOptionError(
      option,
      value,
      `Give milliseconds as a whole number from ${least} to ${MAX_TIMER_MS}.`,
    );
  };
}

export const atLeastOne: Check<number> = (option, value) => {
  if (typeof value === 'number' && value >= 1 && Number.isFinite(value)) return value;
  throw new InvalidOptionError(option, value, 'Give a number of 1 or more.');
};

export const fraction: Check<number> = (option, value) => {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new InvalidOptionError(option, value, 'Give a number from 0 to 1.');
};

export const flag: Check<boolean> = (option, value) => {
  if (typeof value === 'boolean') return value;
  throw new InvalidOptionError(option, value, 'Give true or false.');
};

export const group: Check<object> = (option, value) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new InvalidOptionError(option, value, 'Give an object.');
};

export const nonEmptyString: Check<string> = (option, value) => {
  if (typeof value === 'string' && value.length > 0) return value;
  throw new InvalidOptionError(option, value, 'Give a string that is not empty.');
};

export function oneOf<const T extends string>(...choices: readonly T[]): Check<T> {
  return (option, value) => {
    if (choices.includes(value as T)) return value as T;
    throw new InvalidOptionError(option, value, `Give one of ${choices.map((choice) => `'${choice}'`).join(', ')}.`);
  };
}

/**
 * Checks every member of an options object by its rule and returns a frozen copy of those that are
 * set. Members set to `undefined` count as absent; names without a rule are refused:
 * a misspelled option would do nothing, in silence.
 */
export function checkAll<T extends object>(
  path: string,
  options: unknown,
  rules: { readonly [K in keyof Required<T>]: Check<NonNullable<T[K]>> },
  required: readonly (keyof T)[] = [],
): Readonly<T> {
  const prefix = path ? `${path}.` : '';
  const checked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(group(path || 'options', options))) {
    if (!Object.hasOwn(rules, key)) {
      throw new InvalidOptionError(
        `${prefix}${key}`,
        value,
        `There is no such option; there are ${Object.keys(rules).join(', ')}.`,
        // The value may be a password that was meant for something else.
        describeKind(value),
      );
    }
    if (value !== undefined) checked[key] = rules[key as keyof T](`${prefix}${key}`, value);
  }
  for (const key of required) checked[key as string] ??= rules[key](`${prefix}${String(key)}`, undefined);
  return Object.freeze(checked) as Readonly<T>;
}
