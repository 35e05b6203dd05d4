import { BackgroundTasksError } from '../errors/background-tasks-error.js';
import { describeKind } from '../errors/describe-value.js';
import { InvalidOptionError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';

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
  if (typeof value === 'object' && value !== null && !readOption(option, value, () => Array.isArray(value)))
    return value;
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
 * Reads something of an option. A getter or a proxy may throw there: that is the `cause` of the error.
 *
 * @throws INVALID_OPTION, and what `read` throws with a code of its own
 */
export function readOption<T>(option: string, value: unknown, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw codedError(option, value, error);
  }
}

/** Reads the members of an options object, each of them once. @throws INVALID_OPTION */
export function membersOf(path: string, options: unknown): [name: string, value: unknown][] {
  const given = group(path || 'options', options) as Readonly<Record<string, unknown>>;
  const members: [string, unknown][] = [];
  let option = path || 'options';
  try {
    for (const name of Object.keys(given)) {
      option = optionIn(path, name);
      members.push([name, given[name]]);
    }
  } catch (error) {
    throw codedError(option, options, error);
  }
  return members;
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
  const checked: Record<string, unknown> = {};
  for (const [name, value] of membersOf(path, options)) {
    const option = optionIn(path, name);
    if (!Object.hasOwn(rules, name)) {
      const fix = `There is no such option; there are ${Object.keys(rules).join(', ')}.`;
      // The value may be a password that was meant for something else.
      throw new InvalidOptionError(option, value, fix, describeKind(value));
    }
    if (value === undefined) continue;
    try {
      checked[name] = rules[name as keyof T](option, value);
    } catch (error) {
      throw codedError(option, value, error);
    }
  }
  for (const name of required) checked[name as string] ??= rules[name](optionIn(path, String(name)), undefined);
  return Object.freeze(checked) as Readonly<T>;
}

function optionIn(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}

/** Turns what was thrown where an option was read into an error with a code. */
function codedError(option: string, value: unknown, error: unknown): BackgroundTasksError {
  if (isInstance(error, BackgroundTasksError)) return error;
  const fix = 'It threw an error where it was read: look at "cause".';
  return new InvalidOptionError(option, value, fix, describeKind(value), { cause: error });
}
