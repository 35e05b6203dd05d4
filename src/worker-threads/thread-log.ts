import { Logger } from '@nestjs/common';
import { errorText } from '../execution/error-text.js';
import { type PackedError, unpackError } from './thread-answer.js';

const logger = new Logger('WorkerThreads');

/** The member of a message that holds a {@link StrayError}, as in `thread.js`. */
const STRAY_ERROR = 'nestjs-background-tasks:stray-error';

/** What a thread says of an error that nobody caught and that no running call is to blame for. */
interface StrayError {
  /** The function that left it behind; absent for code that no call has begun. */
  readonly strayOf?: string;
  readonly error: PackedError;
}

/** Logs what a function left behind: its call has ended long ago, so that nobody else is told. */
export function logStrayErrors(message: unknown): void {
  // What the functions themselves send to the parent thread comes this way, too.
  if (typeof message !== 'object' || message === null || !(STRAY_ERROR in message)) return;
  const { strayOf, error } = message[STRAY_ERROR] as StrayError;
  const whose = strayOf === undefined ? 'A module' : `Thread function "${strayOf}"`;
  logger.error(`${whose} left something running that failed, and its thread is replaced: ${errorText(unpackError(error))}`);
}

export function logCancelled(names: readonly string[]): void {
  if (names.length === 0) return;
  logger.warn(`Shutdown stopped ${names.length} thread function(s): ${names.map((name) => `"${name}"`).join(', ')}.`);
}
