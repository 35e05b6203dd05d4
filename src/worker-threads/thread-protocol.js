// The messages between the main thread and the others. Plain JavaScript, because Node loads it in a thread as it is.

/** @import { PackedError } from './packed-error.js' */

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
 * An uncaught error that the running call did not cause.
 *
 * @typedef {object} StrayError
 * @property {string | undefined} leftBy the function that left something running; `undefined` for code of no call
 * @property {PackedError} error
 */

/** The member of a message that holds a {@link StrayError}. Functions may send messages of their own. */
export const STRAY_ERROR = 'nestjs-background-tasks:stray-error';
