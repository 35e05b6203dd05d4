/**
 * Adds nothing to the options of a definition whose payload `T` is JSON. Otherwise it asks for what nobody can give, so
 * that the compiler's message names each path that is wrong, and the reason.
 */
export type JsonPayload<T> = IsJson<T> extends true ? unknown : NotJson<Problem<T, '$'>>;

/**
 * No further arguments where the payload `T` is JSON, else one that nobody can give: an overload with these then gives no
 * message of its own, and the compiler shows that of {@link JsonPayload}.
 */
export type JsonOrArguments<T> = IsJson<T> extends true ? [] : [notJson: NotJson<'$'>];

/** Stands in an error message of the compiler. */
export interface NotJson<Problems extends string> {
  readonly [notJson]: Problems;
}
declare const notJson: unique symbol;

/** Whether `T` is JSON as far as its type tells. A value of type `unknown` is checked by `enqueue`. */
type IsJson<T> = [T] extends [Json<T>] ? true : false;

/** `T` with `never` in place of what is not JSON. Being mapped, it follows types that contain themselves. */
type Json<T> = unknown extends T ? T : [Refusal<T>] extends [never] ? JsonParts<T> : never;

type JsonParts<T> = T extends string | number | boolean | null
  ? T
  : T extends readonly (infer Element)[]
    ? number extends T['length']
      ? readonly Json<Element>[]
      : JsonMembers<T>
    : JsonMembers<T>;

/** A member that is `undefined` is left out, as JSON does. */
type JsonMembers<T> = {
  [K in keyof T]: K extends symbol ? never : Json<Exclude<T[K], undefined>> | Extract<T[K], undefined>;
};

/** The reason why `T` itself, or one type of the union `T`, is not JSON. */
type Refusal<T> = T extends string | number | boolean | null | readonly unknown[]
  ? never
  : T extends undefined | void
    ? 'is undefined: use null'
    : T extends bigint
      ? 'is a bigint: use a string'
      : T extends symbol | AnyFunction
        ? 'is a function or a symbol: leave it out'
        : T extends Date
          ? 'is a Date, which would arrive as a string: use a string'
          : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
            ? 'is a Map or a Set: use an array or an object'
            : true extends { [K in keyof T]-?: IsFunction<T[K]> }[keyof T]
              ? 'has methods: use a plain object'
              : never;

type IsFunction<T> = unknown extends T ? false : T extends AnyFunction ? true : false;
type AnyFunction = (...args: never[]) => unknown;

/** Everything in `T` that is not JSON, to a depth of seven. */
type Problem<T, Path extends string, Depth extends 0[] = []> =
  IsJson<T> extends true
    ? never
    : [Refusal<T>] extends [never]
      ? Depth['length'] extends 7
        ? `${Path} is not JSON`
        : T extends readonly (infer Element)[]
          ? Problem<Element, `${Path}[]`, [...Depth, 0]>
          : {
              [K in keyof T]-?: K extends string | number
                ? Problem<Exclude<T[K], undefined>, `${Path}.${K}`, [...Depth, 0]>
                : `${Path} has a member whose key is a symbol`;
            }[keyof T]
      : `${Path} ${Refusal<T>}`;
