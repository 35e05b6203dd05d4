import { QueueFullError } from '../../src/index.js';
import { revoked, trapped, withGetter as throwingAt } from './hostile-values.js';

/** What a task may throw that breaks code which takes it for an error. */
export const hostileErrors: readonly { readonly what: string; readonly make: () => unknown }[] = [
  { what: 'undefined', make: () => undefined },
  { what: 'null', make: () => null },
  { what: 'a string', make: () => 'out of paper' },
  { what: 'a symbol', make: () => Symbol('broken') },
  { what: 'a frozen object', make: () => Object.freeze({ code: 1 }) },
  { what: 'a frozen error', make: () => Object.freeze(new Error('frozen')) },
  { what: 'an object without a prototype', make: () => Object.create(null) as unknown },
  { what: 'an error whose message getter throws', make: () => withGetter('message') },
  { what: 'an error whose stack getter throws', make: () => withGetter('stack') },
  { what: 'an error whose cause getter throws', make: () => withGetter('cause') },
  { what: 'an error that is its own cause', make: selfCaused },
  { what: 'a proxy that throws on everything', make: throwingProxy },
  { what: 'a revoked proxy', make: () => revoked({}) },
  { what: 'a proxy without a prototype to see', make: () => trapped(new Error('hidden'), ['getPrototypeOf']) },
  { what: 'NaN, which is not equal to itself', make: () => NaN },
  { what: 'a thenable that never calls back', make: () => ({ then: () => undefined }) },
  {
    what: 'a thenable that is fulfilled',
    make: () => ({ then: (fulfil: (value: unknown) => void) => fulfil('kept') }),
  },
  { what: 'an object whose then throws', make: () => throwingAt({}, 'then') },
  { what: 'an error of ours whose members throw', make: () => trapped(new QueueFullError('a', 1), ['get']) },
];

/** An object every use of which throws. */
export function throwingProxy(): object {
  const refuse = () => {
    throw new Error('do not touch');
  };
  const handler = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, refuse]));
  return new Proxy({}, handler);
}

function withGetter(member: string): Error {
  const error = new Error('unreadable');
  if (member === 'message') delete error.stack;
  return Object.defineProperty(error, member, {
    get() {
      throw new Error(`${member} cannot be read`);
    },
  });
}

function selfCaused(): Error {
  const error = new Error('snake');
  error.cause = error;
  return error;
}
