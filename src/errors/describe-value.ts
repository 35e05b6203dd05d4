import { safely } from './safely.js';

/** Longer strings, and those that are more than a word, may be an address, a token or somebody's data. */
const SHORT_WORD = /^[\w.-]{0,30}$/;

/** Says what a value is, for an error message: short words and numbers as they are, nothing of what an object holds. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string' && SHORT_WORD.test(value)) return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return describeKind(value);
}

/** Says what kind of value it is and shows none of it: arguments and payloads never reach a message. */
export function describeKind(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'function') return named('function', value) ?? 'a function';
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (safely(() => Array.isArray(value), false)) return 'an array';
  return named('an instance of', classOf(value)) ?? 'an object';
}

/** Reads the name of a function or a class; `undefined` if it has none that is text. */
export function nameOf(value: unknown): string | undefined {
  try {
    const name = (value as { readonly name?: unknown } | undefined)?.name;
    return typeof name === 'string' && name ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Names that the source of a program may give to a function. Any other name was computed, and may be somebody's data. */
const IDENTIFIER = /^(bound )*[\p{ID_Start}$_][\p{ID_Continue}$]{0,60}$/u;

function named(what: string, owner: unknown): string | undefined {
  const name = typeof owner === 'function' ? nameOf(owner) : undefined;
  return name !== undefined && IDENTIFIER.test(name) ? `${what} ${name}` : undefined;
}

/** The class as the prototype names it: a member of that name may be part of a payload. */
function classOf(value: object): unknown {
  return safely(
    () => (Object.getPrototypeOf(value) as { readonly constructor?: unknown } | null)?.constructor,
    undefined,
  );
}
