// What each thread runs. Plain JavaScript, for Node loads it as it is: from `src` in the tests, from `dist` elsewhere.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { BEGUN, errorTypes, OPEN, STRAY_ERROR } from './thread-protocol.js';

/**
 * @import { PackedError, StrayError, ThreadAnswer, ThreadMessage } from './thread-protocol.js'
 * @typedef {{ name: string, crash: (error: unknown) => void }} Call
 * @typedef {(...args: unknown[]) => unknown} Exported
 */

/** Long enough for the answer of the last call to arrive before the thread ends. */
const PARTING_MS = 100;

/** Which call a stray timer or promise belongs to. @type {AsyncLocalStorage<Call>} */
const calls = new AsyncLocalStorage();

/** @type {Call | undefined} */
let current;
/** Set by an error that nobody caught: the state of the modules is not to be trusted any more. */
let isRetired = false;

process.on('uncaughtException', (error) => {
  const owner = calls.getStore() ?? current;
  isRetired = true;
  if (owner && owner === current) owner.crash(error);
  // It fell upon an earlier call's thread, and the one that runs now is not to blame.
  else parentPort?.postMessage({ [STRAY_ERROR]: strayError(owner, error) });
  if (!current) process.exit(1);
});

/**
 * Runs one exported function. Resolves with what became of it, so that whatever rejects instead is
 * the end of the thread. The ticket is torn before any code of the module runs: as long as it is
 * not, the call can safely begin elsewhere.
 *
 * @param {ThreadMessage} message
 * @returns {Promise<ThreadAnswer | undefined>} `undefined` if the pool has withdrawn the ticket
 */
export async function run({ href, name, args, ticket }) {
  if (isRetired) process.exit(1);
  if (Atomics.compareExchange(ticket, 0, OPEN, BEGUN) !== OPEN) return undefined;
  /** @type {Call} */
  const call = { name, crash: noop };
  /** @type {Promise<ThreadAnswer>} */
  const crashed = new Promise((resolve) => (call.crash = (error) => resolve({ kind: 'crashed', error: pack(error) })));
  current = call;
  try {
    return await Promise.race([calls.run(call, () => perform(href, name, args)), crashed]);
  } finally {
    current = undefined;
    if (isRetired) setTimeout(() => process.exit(1), PARTING_MS);
  }
}

function noop() {}

/**
 * @param {Call | undefined} owner
 * @param {unknown} error
 * @returns {StrayError}
 */
function strayError(owner, error) {
  return { strayOf: owner?.name, error: pack(error) };
}

/**
 * @param {string} href
 * @param {string} name
 * @param {Uint8Array} args
 * @returns {Promise<ThreadAnswer>}
 */
async function perform(href, name, args) {
  /** @type {Record<string, unknown>} */
  let exported;
  try {
    exported = /** @type {Record<string, unknown>} */ (await import(href));
  } catch (error) {
    return { kind: 'not-loaded', error: pack(error) };
  }
  // Its own keys alone: "constructor" and the like are inherited, and name nothing that was meant to be called.
  const fn = Object.hasOwn(exported, name) ? exported[name] : undefined;
  if (typeof fn !== 'function') {
    return {
      kind: 'unknown-export',
      functions: Object.keys(exported).filter((key) => typeof exported[key] === 'function'),
    };
  }
  let value;
  /** @type {PackedError | undefined} */
  let error;
  try {
    value = await /** @type {Exported} */ (fn)(.../** @type {unknown[]} */ (deserialize(args)));
  } catch (thrown) {
    error = pack(thrown);
  }
  // A promise that was left to itself and has rejected is heard of within this turn, and is this call's doing.
  await nextTurn();
  if (error) return { kind: 'threw', error };
  const copy = copyOf(value);
  return copy ? { kind: 'returned', value: copy } : { kind: 'not-cloneable', type: typeof value };
}

/**
 * What was thrown, as plain data: copied as it is, an error would lose its name, its code and whatever else it was given.
 *
 * @param {unknown} thrown
 * @param {number} [causes] how many causes of causes are kept: an error may be its own
 * @returns {PackedError}
 */
function pack(thrown, causes = 8) {
  try {
    if (!(thrown instanceof Error)) return { value: serialize(thrown) };
    // Whatever they are: their types are not to be relied upon.
    const { name, message, stack, cause } = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (thrown));
    const own = Object.entries(thrown).filter(([key]) => key !== 'cause');
    return {
      type: [...errorTypes.values()].find((type) => thrown instanceof type)?.name ?? 'Error',
      text: { name: String(name), message: String(message), stack: String(stack) },
      own: own.flatMap((entry) => copyOf(entry) ?? []),
      ...(cause !== undefined && causes > 0 && { cause: pack(cause, causes - 1) }),
    };
  } catch {
    return { value: serialize(new Error(`What was thrown (${typeof thrown}) cannot be copied to another thread.`)) };
  }
}

/** @param {unknown} value */
function copyOf(value) {
  try {
    return serialize(value);
  } catch {
    return undefined;
  }
}
