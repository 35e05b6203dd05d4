import { Logger } from '@nestjs/common';
import { errorText } from '../execution/error-text.js';
import { unpackError } from './thread-answer.js';
import { STRAY_ERROR, type StrayError } from './thread-protocol.js';

const logger = new Logger('WorkerThreads');

/** Logs what a function left behind: its call has ended long ago, so that nobody else is told. */
export function logStrayErrors(message: unknown): void {
  // What the functions themselves send to the parent thread comes this way, too.
  if (typeof message !== 'object' || message === null || !(STRAY_ERROR in message)) return;
  const { strayOf, error } = message[STRAY_ERROR] as StrayError;
  const whose = strayOf === undefined ? 'A module' : `Thread function "${strayOf}"`;
  logger.error(
    `${whose} left something running that failed, and its thread is replaced: ${errorText(unpackError(error))}`,
  );
}

export function logCancelled(names: readonly string[]): void {
  if (names.length === 0) return;
  logger.warn(`Shutdown stopped ${names.length} thread function(s): ${names.map((name) => `"${name}"`).join(', ')}.`);
}
