/** What `micro.js` can measure. */
export const microNames = [
  'addTask',
  'addTask with timeoutMs',
  'addTask with retry',
  'addTask, AsyncLocalStorage active',
  'p-queue',
  'p-queue, AsyncLocalStorage active',
  'promise chain',
] as const;

export type MicroName = (typeof microNames)[number];

/** Enough tasks in a scope that the scope itself does not count. */
export const BATCH = 1_000;
