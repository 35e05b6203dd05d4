import { createHash } from 'node:crypto';

/**
 * The moment until which a job waits that its worker does not know: one for each name and version, so that workers that
 * know them find the job there, and no delay of a task reaches it. Nobody else has any work with it.
 */
export function putAsideUntil(name: string, version: number): number {
  return FIRST + createHash('sha256').update(`${name}\0${version}`).digest().readUInt32BE();
}

/** 2039: the last moments of which Redis keeps 4,096 jobs each in order. BullMQ stores them times 4,096, in 53 bits. */
const FIRST = 2 ** 41 - 2 ** 32;
