import { NotAFunctionError, UnknownMethodError } from '../errors.js';

/** What a task will call. */
export interface TaskCall {
  readonly fn: (...args: unknown[]) => unknown;
  /** The object whose method `fn` is; `undefined` for a plain function. */
  readonly target: object | undefined;
  readonly args: readonly unknown[];
  readonly name: string;
}

/** Reads the arguments of `addTask` in either of its forms. Throws NOT_A_FUNCTION or UNKNOWN_METHOD. */
export function readTaskCall(target: unknown, args: readonly unknown[]): TaskCall {
  if (typeof target === 'function') {
    const fn = target as TaskCall['fn'];
    return { fn, target: undefined, args, name: fn.name || 'anonymous' };
  }
  if (typeof target !== 'object' || target === null || args.length === 0) throw new NotAFunctionError(target);
  const [method, ...methodArgs] = args;
  const fn = (target as Record<PropertyKey, unknown>)[method as PropertyKey];
  if (typeof fn !== 'function') throw new UnknownMethodError(target, method);
  return {
    fn: fn as TaskCall['fn'],
    target,
    args: methodArgs,
    name: `${target.constructor?.name || 'Object'}.${String(method)}`,
  };
}
