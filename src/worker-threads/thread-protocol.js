// What the two sides say to each other. Plain JavaScript, for `thread.js`, which imports it, is loaded as it is.

/**
 * One request to begin a call.
 *
 * @typedef {object} ThreadMessage
 * @property {string} href the URL of the module
 * @property {string} name the name of the export
 * @property {Uint8Array} args
 * @property {Int32Array} ticket one of the states below
 */

/**
 * What a thread answers; whatever else comes instead of it is the end of the thread.
 *
 * @typedef {{ readonly kind: 'returned', readonly value: Uint8Array }
 *   | { readonly kind: 'threw' | 'crashed' | 'not-loaded', readonly error: PackedError }
 *   | { readonly kind: 'not-cloneable', readonly type: string }
 *   | { readonly kind: 'unknown-export', readonly functions: readonly string[] }} ThreadAnswer
 */

/**
 * What was thrown, as plain data. `type` is the class of the language that the error is of, `own`
 * holds those of its members that can be copied, each as a key and a value.
 *
 * @typedef {{ readonly value: Uint8Array } | {
 *   readonly type: string,
 *   readonly text: { readonly name: string, readonly message: string, readonly stack: string },
 *   readonly own: readonly Uint8Array[],
 *   readonly cause?: PackedError
 * }} PackedError
 */

/**
 * What a thread says of an error that nobody caught and that no running call is to blame for.
 *
 * @typedef {object} StrayError
 * @property {string | undefined} strayOf the function that left it behind; `undefined` for code that no call has begun
 * @property {PackedError} error
 */

/** The states of a ticket: whoever takes it first, the thread to begin or the pool to withdraw, has it for good. */
export const OPEN = 0;
export const BEGUN = 1;
export const WITHDRAWN = 2;

/** The member of a message that holds a {@link StrayError}: the functions send messages of their own. */
export const STRAY_ERROR = 'nestjs-background-tasks:stray-error';

/** The classes of the language that an error keeps, by name. */
export const errorTypes = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
);
