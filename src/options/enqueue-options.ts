import type { BackendSettings } from '../contracts/task-backend.js';
import { InvalidOptionError } from '../errors/errors.js';
import { safely } from '../errors/safely.js';
import { type Check, checkAll, membersOf, nonEmptyString } from './checks.js';

/** Options of one `enqueue`. */
export interface EnqueueOptions extends BackendSettings {
  /**
   * A name for what the task does, so that enqueueing it twice does it once: an order's number, a
   * webhook's delivery id. @default none: every `enqueue` is a task of its own. In this process it counts from
   * the success of the request to the end of the task. The same key in one request returns the first handle; the
   * later task of another request is `discarded`. On a backend it counts for as long as that remembers the task.
   */
  readonly idempotencyKey?: string;
}

/** The options of one `enqueue` as checked. The backend checks its own settings. */
export interface CheckedEnqueueOptions {
  readonly idempotencyKey?: string | undefined;
  readonly settings: BackendSettings;
}

/** Checks options, which errors call `path`. @throws INVALID_OPTION */
export function checkEnqueueOptions(options: EnqueueOptions | undefined, path = 'enqueue'): CheckedEnqueueOptions {
  if (options === undefined) return noEnqueueOptions;
  const [own, settings] = splitSettings(path, options, ['idempotencyKey']);
  return { ...checkAll<{ idempotencyKey?: string }>(path, own, { idempotencyKey: keyRule }), settings };
}

/**
 * Separates our own options from the settings of a backend: a plain object under any other name is a setting.
 * Any other value under such a name stays with our own, which refuse it as a misspelled option. Copies the settings, so
 * that what a backend checks now is what it is given later.
 */
export function splitSettings(
  path: string,
  options: unknown,
  names: readonly string[],
): [own: object, settings: BackendSettings] {
  const isSetting = ([name, value]: [string, unknown]) => !names.includes(name) && isPlainObject(value);
  const entries = membersOf(path, options);
  return [
    Object.fromEntries(entries.filter((entry) => !isSetting(entry))),
    Object.freeze(
      Object.fromEntries(entries.filter(isSetting).map(([name, value]) => [name, copyOf(`${path}.${name}`, value)])),
    ),
  ];
}

/** Merges the settings of a definition with those of a call, which win. */
export function mergeSettings(definition: BackendSettings, call: BackendSettings): BackendSettings {
  const merged: Record<string, object> = { ...definition };
  for (const [name, settings] of Object.entries(call)) merged[name] = { ...merged[name], ...(settings as object) };
  return merged;
}

/** Refuses lone surrogates: keys that differ only in those would be the same bytes to a backend. */
const keyRule: Check<string> = (option, value) => {
  if (nonEmptyString(option, value).isWellFormed()) return value as string;
  throw new InvalidOptionError(option, value, 'Give text without a lone half of a surrogate pair.');
};

const noEnqueueOptions: CheckedEnqueueOptions = Object.freeze({ settings: Object.freeze({}) });

/** Copies plain objects within plain objects. Anything else stays what it is. */
function copyOf(path: string, value: unknown, depth = 1): unknown {
  if (!isPlainObject(value)) return value;
  if (depth > MAX_DEPTH) throw new InvalidOptionError(path, value, `Give settings of at most ${MAX_DEPTH} levels.`);
  const members = membersOf(path, value).map(([name, member]) => [name, copyOf(`${path}.${name}`, member, depth + 1)]);
  return Object.freeze(Object.fromEntries(members));
}

/** Deeper than the settings of any backend. */
const MAX_DEPTH = 20;

/** An instance of a class is no setting, such as a schema under a misspelled name. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = safely<unknown>(() => Object.getPrototypeOf(value), undefined);
  return prototype === Object.prototype || prototype === null;
}
