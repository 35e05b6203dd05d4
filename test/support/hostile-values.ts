/** Stands in what hostile values throw, and must show up nowhere. */
export const CANARY = 'canary 4111-1111-1111-1111';

/** What code of a value may throw where it is only looked at. */
export const hostileThrows: readonly { readonly what: string; readonly thrown: unknown }[] = [
  { what: 'an error', thrown: new Error(CANARY) },
  { what: 'a string', thrown: CANARY },
  { what: 'undefined', thrown: undefined },
  { what: 'a revoked proxy', thrown: revoked({}) },
];

/** The traps of a proxy that some way of looking at it runs into. */
export const readingTraps = [
  'get',
  'has',
  'ownKeys',
  'getPrototypeOf',
  'getOwnPropertyDescriptor',
] as const satisfies readonly (keyof ProxyHandler<object>)[];

/** Members that code reads of a value whose kind it does not know. */
export const readMembers: readonly PropertyKey[] = [
  'constructor',
  'length',
  'message',
  'name',
  'raw',
  'stack',
  'then',
  'toJSON',
  'toString',
  Symbol.iterator,
  Symbol.toPrimitive,
  Symbol.toStringTag,
];

/** Objects that throw at some way of looking at them. */
export const hostileObjects: readonly { readonly what: string; readonly make: () => object }[] = [
  { what: 'a revoked proxy', make: () => revoked({}) },
  { what: 'a revoked proxy of an array', make: () => revoked([]) },
  { what: 'a revoked proxy of a function', make: () => revoked(() => undefined) },
  { what: 'a proxy with every trap', make: () => trapped({}, Reflect.ownKeys(Reflect) as never) },
  ...readingTraps.map((trap) => ({
    what: `a proxy with the trap ${trap}`,
    make: () => trapped({ a: 1 }, [trap]),
  })),
  ...readMembers.map((member) => ({
    what: `an object whose ${String(member)} throws`,
    make: () => withGetter({}, member),
  })),
];

/** A proxy that nobody can look at any more. */
export function revoked<T extends object>(target: T): T {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** A proxy whose traps throw. */
export function trapped<T extends object>(
  target: T,
  traps: readonly (keyof ProxyHandler<T>)[],
  ...given: [thrown?: unknown]
): T {
  const thrown = given.length > 0 ? given[0] : new Error(CANARY);
  return new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, () => raise(thrown)])));
}

/** Adds a member that throws where it is read. */
export function withGetter<T extends object>(target: T, member: PropertyKey, ...given: [thrown?: unknown]): T {
  const thrown = given.length > 0 ? given[0] : new Error(CANARY);
  return Object.defineProperty(target, member, { get: () => raise(thrown), enumerable: true, configurable: true });
}

export function raise(thrown: unknown): never {
  throw thrown;
}
