import { NotAFunctionError, UnknownMethodError } from '../errors/errors.js';

/** Reads the arguments of `addTask` in either of its forms. @throws NOT_A_FUNCTION, UNKNOWN_METHOD */
export function readTaskCall(target: unknown, args: readonly unknown[]): TaskCall {
  if (typeof target === 'function') {
    const fn = target as TaskCall['fn'];
    // A class may have a static member of that name.
    const name: unknown = fn.name;
    return { fn, target: undefined, args, name: typeof name === 'string' && name ? name : 'anonymous' };
  }
  if (typeof target !== 'object' || target === null || args.length === 0) throw new NotAFunctionError(target);
  const [method, ...methodArgs] = args;
  const fn = (target as Record<PropertyKey, unknown>)[method as PropertyKey];
  if (typeof fn !== 'function') {
    // addTask(send(id), name) was called with the promise that send returned.
    throw target instanceof Promise ? new NotAFunctionError(target) : new UnknownMethodError(target, method);
  }
  return {
    fn: fn as TaskCall['fn'],
    target,
    args: methodArgs,
    name: `${target.constructor?.name || 'Object'}.${String(method)}`,
  };
}

/** The function that a task will call, and its arguments. */
export interface TaskCall {
  readonly fn: (...args: unknown[]) => unknown;
  /** The object whose method `fn` is; `undefined` for a plain function. */
  readonly target: object | undefined;
  readonly args: readonly unknown[];
  readonly name: string;
}

/**
 * The key of a function's own check, which throws for arguments that it cannot take. `addTask` calls it, so that they
 * are refused there and not when the task runs.
 */
export const CHECK_ARGUMENTS = Symbol('nestjs-background-tasks:check-arguments');

/** Calls the function's own check of its arguments, if it has one. */
export function checkArguments({ fn, args }: TaskCall): void {
  (fn as { [CHECK_ARGUMENTS]?(args: readonly unknown[]): void })[CHECK_ARGUMENTS]?.(args);
}
