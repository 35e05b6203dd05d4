// `addTask` has two forms: `(target, 'method', ...args)` and `(fn, ...args)`. For a wrong call, TypeScript explains each
// form that takes that number of arguments: it would say at length that a `Mailer` is no function. Therefore neither
// form takes any likely number of arguments where the first one belongs to the other form. `NoInfer` also keeps the
// arguments together as a tuple, so that the message for a missing one names it.

/** A function that can be a task: anything callable, with any arguments. */
export type TaskFunction = (...args: never[]) => unknown;

/** A function that takes `Args`. */
export type TaskCallable<Args extends unknown[], Params, Members> =
  ((...args: Args) => unknown) | Inferring<Params, Members>;

/** The arguments for a function; none for an object that is no function, because the form with a method takes it. */
export type FunctionArguments<Args extends unknown[], Params, Members> = [Members] extends [NotInferred]
  ? NoInfer<Args>
  : [Params] extends [NotInferred]
    ? []
    : NoInfer<Args>;

/** Nothing, but TypeScript infers from it which parameters and which members the first argument has. */
type Inferring<Params, Members> = [Members] extends [unknown]
  ? never
  : ((...args: Params & unknown[]) => unknown) | { readonly [K in keyof Members]: Members[K] };

/**
 * An object whose method can be a task: any object but a function or a class, which would be taken for the
 * task itself. It is spelt out member by member because only then does TypeScript see the
 * methods of `this` in a class.
 */
export type TaskTarget<T> = ({ readonly [K in keyof T]: T[K] } | object) & { readonly [Symbol.hasInstance]?: never };

/** The names of the methods of `T`. */
export type MethodName<T> = keyof { [K in keyof T as T[K] extends TaskFunction ? K : never]: K };

/** The arguments of the method `K` of `T`. */
export type MethodArguments<T, K extends keyof T> = T[K] extends (...args: infer Args) => unknown
  ? Args extends TooMany
    ? Args
    : NoInfer<Args>
  : never;

/** The same arguments, or the first of them. */
export type FirstOf<Args extends unknown[]> = Args extends TooMany ? Args : Partial<Args>;

/** Stands where TypeScript could infer nothing. Its method takes more arguments than anybody gives. */
export interface NotInferred {
  [notInferred](...args: TooMany): void;
}
declare const notInferred: unique symbol;
type TooMany = [never, never, never, never, never, never, never, never, never];
