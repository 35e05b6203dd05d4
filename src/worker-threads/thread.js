// The code of each thread. Plain JavaScript, because Node loads it as it is: from `src` in the tests, else from `dist`.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { packError, unpackError } from './packed-error.js';
import { BEGUN, STRAY_ERROR } from './thread-protocol.js';

/**
 * @import { ThreadAnswer, ThreadMessage } from './thread-protocol.js'
 * @typedef {{ readonly name: string }} Call
 * @typedef {(...args: unknown[]) => unknown} Exported
 */

/** The call that started a timer or a promise. @type {AsyncLocalStorage<Call>} */
const calls = new AsyncLocalStorage();
/** @type {Call | undefined} */
let current;
/** The progress of the last call. @type {Int32Array | undefined} */
let progress;
/** Whether something that an earlier call left running has failed: the modules may be in any state. */
let isRetired = false;

/**
 * Runs one exported function. A retired thread exits before it begins: the pool then makes the call again elsewhere.
 *
 * @param {ThreadMessage | undefined} message `undefined` if the pool only wants a thread to start
 * @returns {Promise<Uint8Array | undefined>} a {@link ThreadAnswer}; it never rejects
 */
export async function run(message) {
  if (!message) return undefined;
  if (isRetired) process.exit(1);
  progress = message.progress;
  Atomics.store(progress, 0, BEGUN);
  const call = (current = { name: message.name });
  const answer = await calls.run(call, () => perform(message));
  current = undefined;
  try {
    return serialize(answer);
  } catch {
    // Only a returned value is here as the function made it.
    return serialize({ kind: 'not-cloneable', type: typeof (/** @type {{ value?: unknown }} */ (answer).value) });
  }
}

// Tests "B36 what a function leaves running": an error of an earlier call must not fail the call that runs now.
process.on('uncaughtException', (/** @type {unknown} */ error) => {
  const owner = calls.getStore() ?? current;
  const packed = packError(error);
  // Ends the thread: Node carries the error to the main thread, and piscina rejects the call with it (test "keeps the
  // error that nobody caught as the cause"). A copy, because Node 20 ends the process over an error that is its own
  // cause, and piscina takes null for success (test "when Node or piscina cannot carry the error").
  if (owner && owner === current) {
    throw /** @type {Error} */ (unpackError(packed) ?? new Error('null or undefined was thrown'));
  }
  parentPort?.postMessage({ [STRAY_ERROR]: { leftBy: owner?.name, error: packed } });
  isRetired = true;
  if (!current) setImmediate(exitAfterAnswer);
});

/** Waits until the answer of the last call has arrived (test "does not take the answer of its call with it"). */
function exitAfterAnswer() {
  if (progress) Atomics.wait(progress, 0, BEGUN);
  process.exit(1);
}

/**
 * @param {ThreadMessage} message
 * @returns {Promise<ThreadAnswer>}
 */
async function perform({ href, name, args }) {
  /** @type {Record<string, unknown>} */
  let exported;
  try {
    exported = /** @type {Record<string, unknown>} */ (await import(href));
  } catch (error) {
    return { kind: 'not-loaded', error: packError(error) };
  }
  // Own keys only, and not inherited ones such as "constructor".
  const fn = Object.hasOwn(exported, name) ? exported[name] : undefined;
  if (typeof fn !== 'function') {
    const functions = Object.keys(exported).filter((key) => typeof exported[key] === 'function');
    return { kind: 'unknown-export', functions };
  }
  /** @type {ThreadAnswer} */
  let answer;
  try {
    const copies = /** @type {unknown[]} */ (deserialize(args));
    answer = { kind: 'returned', value: await /** @type {Exported} */ (fn)(...copies) };
  } catch (error) {
    answer = { kind: 'threw', error: packError(error) };
  }
  // Node reports a rejection that nobody handles within this turn. It belongs to this call (test "rejectsUnheard").
  await nextTurn();
  return answer;
}
