import { nameOf } from '../errors/describe-value.js';
import { NotAFunctionError, UnknownMethodError } from '../errors/errors.js';
import { isPromise, safely } from '../errors/safely.js';
import { isDefinition } from './task-definition.js';

/** Reads the arguments of `addTask` in either of its forms. @throws NOT_A_FUNCTION, UNKNOWN_METHOD */
export function readTaskCall(target: unknown, args: readonly unknown[]): TaskCall {
  if (typeof target === 'function') {
    return { fn: target as TaskCall['fn'], target: undefined, args, name: nameOf(target) ?? 'anonymous' };
  }
  if (typeof target !== 'object' || target === null || args.length === 0) throw new NotAFunctionError(target);
  if (isDefinition(target)) throw new NotAFunctionError(target, target.name);
  const [method, ...methodArgs] = args;
  const fn = readMethod(target, method);
  if (typeof fn !== 'function') {
    // addTask(send(id), name) was called with the promise that send returned.
    throw isPromise(target) ? new NotAFunctionError(target) : new UnknownMethodError(target, method);
  }
  return {
    fn: fn as TaskCall['fn'],
    target,
    args: methodArgs,
    name: `${nameOf(safely(() => target.constructor, Object)) ?? 'Object'}.${String(method)}`,
  };
}

/** Reads a method of an object that may have a getter, or be a proxy. */
function readMethod(target: object, method: unknown): unknown {
  if (!KEY_TYPES.has(typeof method)) return undefined;
  try {
    return (target as Record<PropertyKey, unknown>)[method as PropertyKey];
  } catch (error) {
    throw new UnknownMethodError(target, method, { cause: error });
  }
}

/** Anything else runs code of its own to become a name. */
const KEY_TYPES = new Set(['string', 'symbol', 'number']);

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
  checkOf(fn)?.(args);
}

function checkOf(fn: TaskCall['fn'] & { [CHECK_ARGUMENTS]?(args: readonly unknown[]): void }) {
  try {
    return fn[CHECK_ARGUMENTS];
  } catch {
    // A function may be a proxy.
    return undefined;
  }
}
