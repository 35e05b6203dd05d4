import { createHash, randomUUID } from 'node:crypto';

/**
 * Makes the id of a named task, which nobody can guess. That of one with an idempotency key also says which task of that
 * key it is one with, so that it is found by its id wherever that task is.
 */
export function newTaskId(name: string, key: string | undefined): string {
  return key === undefined ? randomUUID() : `${randomUUID()}${SEPARATOR}${keyHash(name, key)}`;
}

/** Whether a task may have this id. It may come from a query string, which can hold lists, and PostgreSQL takes no NUL. */
export function isTaskId(id: unknown): id is string {
  return typeof id === 'string' && !id.includes('\0');
}

/** Hashes a key, with the name because two definitions may share a key. */
export function keyHash(name: string, key: string): string {
  return createHash('sha256').update(`${name}\0${key}`).digest('base64url');
}

/** Returns the hash of the key in the id of a task; `undefined` if it has none. */
export function keyHashIn(taskId: string): string | undefined {
  return taskId.split(SEPARATOR, 2)[1];
}

const SEPARATOR = '.';
