// Thrown values on their way between threads. Plain JavaScript, because Node loads it in a thread as it is.
import { deserialize, serialize } from 'node:v8';

/**
 * A thrown value as plain data. An error is a copy without its own class; those of its members that can be copied stand
 * beside it.
 *
 * @typedef {{ readonly value: unknown, readonly error?: undefined } | {
 *   readonly error: Error,
 *   readonly name: string,
 *   readonly members: Record<string, unknown>,
 *   readonly cause?: PackedError
 * }} PackedError
 */

/**
 * Turns a thrown value into plain data. Structured clone alone would lose the name of an error, its code and its other
 * members (test "passes with its name, message, stack, cause and members").
 *
 * @param {unknown} thrown
 * @param {number} [causes] the number of causes to keep: an error may be its own cause
 * @returns {PackedError}
 */
export function packError(thrown, causes = 8) {
  try {
    if (!(thrown instanceof Error)) return { value: deserialize(serialize(thrown)) };
    // Nothing is known about their types: a function can throw an error with any members.
    const [name, message, stack, cause] = ['name', 'message', 'stack', 'cause'].map((key) => read(thrown, key));
    const BuiltIn = builtInErrors.find((type) => thrown instanceof type) ?? Error;
    const error = Object.assign(new BuiltIn(String(message)), { stack: String(stack) });
    const members = Object.keys(thrown).flatMap((key) => (key === 'cause' ? [] : copyOf(key, read(thrown, key))));
    return {
      error,
      name: String(name),
      members: Object.fromEntries(members),
      ...(cause !== undefined && causes > 0 && { cause: packError(cause, causes - 1) }),
    };
  } catch {
    return { value: new Error(`What was thrown (${typeof thrown}) cannot be copied to another thread.`) };
  }
}

/**
 * Restores a thrown value. An error has its name, stack, cause and members again, but not its own class.
 *
 * @param {PackedError} packed
 */
export function unpackError(packed) {
  if (!packed.error) return packed.value;
  const { error, name, members, cause } = packed;
  const hidden = { writable: true, configurable: true };
  // Defined instead of assigned, because a key may be `__proto__`.
  Object.defineProperties(error, Object.getOwnPropertyDescriptors(members));
  if (name !== error.name) Object.defineProperty(error, 'name', { value: name, ...hidden });
  if (cause) Object.defineProperty(error, 'cause', { value: unpackError(cause), ...hidden });
  return error;
}

/**
 * Reads a member of an error, which may be a getter that throws.
 *
 * @param {object} error
 * @param {string} key
 * @returns {unknown}
 */
function read(error, key) {
  try {
    return /** @type {Record<string, unknown>} */ (error)[key];
  } catch {
    return undefined;
  }
}

/**
 * Copies a member, if that is possible. A getter in it may not let it be copied a second time.
 *
 * @param {string} key
 * @param {unknown} value
 * @returns {[string, unknown][]}
 */
function copyOf(key, value) {
  try {
    return [[key, deserialize(serialize(value))]];
  } catch {
    return [];
  }
}

/** @param {unknown} value */
export function isCloneable(value) {
  try {
    serialize(value);
    return true;
  } catch {
    return false;
  }
}

const builtInErrors = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
