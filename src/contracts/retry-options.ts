/** Further attempts at a task that failed, and the waits before them. */
export interface RetryOptions {
  /**
   * Attempts in all, the first included. @default 3. 1 never retries; many keep a failing task, its
   * resources and those behind it in memory through all the waits.
   */
  readonly attempts?: number;
  /**
   * Milliseconds to wait after the first failure. @default 1000. 0 retries at once and can overload a service that is
   * already failing.
   */
  readonly delayMs?: number;
  /** Factor by which each wait is longer than the one before. @default 2. 1 keeps them equal. */
  readonly factor?: number;
  /** Milliseconds that no wait exceeds. @default 30000. */
  readonly maxDelayMs?: number;
  /**
   * Share of each wait that is drawn by chance, from 0 to 1, so that tasks that failed together do not return together.
   * @default 0.5.
   */
  readonly jitter?: number;
}

/** Retry options with every member decided. */
export type ResolvedRetry = Required<RetryOptions>;
