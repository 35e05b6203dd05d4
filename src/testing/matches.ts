import { isDeepStrictEqual } from 'node:util';

/** A matcher of any test library, such as `expect.any(String)`. */
export interface Matcher {
  asymmetricMatch(value: unknown): boolean;
}

/** A value, or one in which matchers stand for it or for parts of it. */
export type Matching<T> = T | Matcher | { readonly [K in keyof T]: Matching<T[K]> };

/** Compares by value; matchers such as `expect.any(String)` are honoured, also inside objects and arrays. */
export function matches(wanted: unknown, given: unknown): boolean {
  const matcher = wanted as Partial<Matcher> | null | undefined;
  if (typeof matcher?.asymmetricMatch === 'function') return matcher.asymmetricMatch(given);
  if (!isPlain(wanted) || !isPlain(given) || isDeepStrictEqual(wanted, given)) return isDeepStrictEqual(wanted, given);
  const keys = setMembers(wanted);
  return (
    Array.isArray(wanted) === Array.isArray(given) &&
    keys.length === setMembers(given).length &&
    keys.every((key) => Object.hasOwn(given, key) && matches(wanted[key], given[key]))
  );
}

/** A member that is `undefined` is as good as absent, and a payload has none; an element is not. */
function setMembers(value: Record<string, unknown>): string[] {
  const keys = Object.keys(value);
  return Array.isArray(value) ? keys : keys.filter((key) => value[key] !== undefined);
}

/** Whether a matcher may be inside: anything else is compared whole. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value) as never)
  );
}
