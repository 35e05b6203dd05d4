/** The size of batches, and the wait for them. */
export interface BatchOptions {
  /**
   * Tasks that one call of `runBatch()` gets at most. 1 makes a call for each task; more than a statement of the
   * database takes fails them all. A worker of BullMQ holds twice as many.
   */
  readonly maxSize: number;
  /**
   * Milliseconds that a task waits for others. 0 runs it with those of the same turn of the event loop; a high number
   * delays every task of a quiet time by so much, and a crash loses those that wait in this process.
   */
  readonly maxWaitMs: number;
}

/**
 * The reason why a batch began: it was full, its first task had waited for `maxWaitMs`, or the application shuts down.
 */
export type BatchTrigger = 'size' | 'time' | 'shutdown';
