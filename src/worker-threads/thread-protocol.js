// The messages between the main thread and the others. Plain JavaScript, because Node loads it in a thread as it is.
import { serialize } from 'node:v8';

/**
 * A request to run one call.
 *
 * @typedef {object} ThreadMessage
 * @property {string} href the URL of the module
 * @property {string} name the name of the export
 * @property {Uint8Array} args the arguments, serialized
 * @property {Int32Array} progress shared memory: 0, then one of the following
 */

/** The progress of a call whose thread may have run code of the module. The thread writes it. */
export const BEGUN = 1;
/** The progress of a call whose answer has arrived. The pool writes it. */
export const ANSWERED = 2;

/**
 * The answer to a request, serialized as a whole.
 *
 * @typedef {{ readonly kind: 'returned', readonly value: unknown }
 *   | { readonly kind: 'threw' | 'not-loaded', readonly error: PackedError }
 *   | { readonly kind: 'not-cloneable', readonly type: string }
 *   | { readonly kind: 'unknown-export', readonly functions: readonly string[] }} ThreadAnswer
 */

/**
 * A thrown value as plain data. An error is a copy without its own class, and its members stand beside it: those that
 * can be copied.
 *
 * @typedef {{ readonly value: unknown, readonly error?: undefined } | {
 *   readonly error: Error,
 *   readonly name: string,
 *   readonly members: Record<string, unknown>,
 *   readonly cause?: PackedError
 * }} PackedError
 */

/**
 * An uncaught error that the running call did not cause.
 *
 * @typedef {object} StrayError
 * @property {string | undefined} leftBy the function that left something running; `undefined` for code of no call
 * @property {PackedError} error
 */

/** The member of a message that holds a {@link StrayError}. Functions may send messages of their own. */
export const STRAY_ERROR = 'nestjs-background-tasks:stray-error';

/** @param {unknown} value */
export function isCloneable(value) {
  try {
    serialize(value);
    return true;
  } catch {
    return false;
  }
}
