import { isDeepStrictEqual } from 'node:util';
import { safely } from '../errors/safely.js';

/**
 * Compares by value; matchers such as `expect.any(String)` apply, also inside objects and arrays. A value that throws
 * where it is looked at is equal to itself only.
 */
export function matches(expected: unknown, given: unknown): boolean {
  return Object.is(expected, given) || safely(() => areAlike(expected, given), false);
}

function areAlike(expected: unknown, given: unknown): boolean {
  if (isMatcher(expected)) return expected.asymmetricMatch(given);
  if (!isPlain(expected) || !isPlain(given) || isDeepStrictEqual(expected, given))
    return isDeepStrictEqual(expected, given);
  const keys = setMembers(expected);
  return (
    Array.isArray(expected) === Array.isArray(given) &&
    keys.length === setMembers(given).length &&
    keys.every((key) => Object.hasOwn(given, key) && matches(expected[key], given[key]))
  );
}

/** Lists the keys. A member that is `undefined` counts as absent; an element of an array does not. */
function setMembers(value: Record<string, unknown>): string[] {
  const keys = Object.keys(value);
  return Array.isArray(value) ? keys : keys.filter((key) => value[key] !== undefined);
}

/** Whether it is a matcher of a test library. */
export function isMatcher(value: unknown): value is Matcher {
  return typeof (value as Partial<Matcher> | null | undefined)?.asymmetricMatch === 'function';
}

/** Whether a matcher may be inside. Anything else is compared whole. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value) as never)
  );
}

/** A matcher of any test library, such as `expect.any(String)`. */
export interface Matcher {
  asymmetricMatch(value: unknown): boolean;
  /** Its name, where it has one for messages, such as `Any<String>`. */
  toAsymmetricMatcher?(): string;
  toString(): string;
  /** The value that it compares with, where it has one. */
  readonly sample?: unknown;
}

/** A value, or one in which matchers stand for it or for parts of it. */
export type Matching<T> = T | Matcher | { readonly [K in keyof T]: Matching<T[K]> };
