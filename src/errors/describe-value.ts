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
  return Array.isArray(value) ? 'an array' : (named('an instance of', classOf(value)) ?? 'an object');
}

function named(what: string, owner: Named | undefined): string | undefined {
  const name = owner?.name;
  return typeof name === 'string' && name ? `${what} ${name}` : undefined;
}

/** The class as the prototype names it: a member of that name may be part of a payload. */
function classOf(value: object): Named | undefined {
  try {
    return (Object.getPrototypeOf(value) as { readonly constructor?: Named } | null)?.constructor;
  } catch {
    return undefined;
  }
}

interface Named {
  readonly name: unknown;
}
