import type { ResolvedRetry } from '../contracts/retry-options.js';

/** Milliseconds to wait after that many failed attempts. */
export function backoffMs(failedAttempts: number, retry: ResolvedRetry): number {
  const full = Math.min(retry.delayMs * retry.factor ** (failedAttempts - 1), retry.maxDelayMs);
  return full * (1 - retry.jitter * Math.random());
}
