import type { BackoffOptions, JobsOptions } from 'bullmq';
import { backoffMs } from '../../execution/backoff.js';
import type { ResolvedRetry } from '../../contracts/retry-options.js';

/** Turns the `retry` of a task into options of BullMQ. */
export function retryToBullMq(retry: ResolvedRetry): Pick<JobsOptions, 'attempts' | 'backoff'> {
  const { attempts, delayMs, factor, maxDelayMs, jitter } = retry;
  const longestMs = delayMs * factor ** Math.max(attempts - 2, 0);
  // JSON has no Infinity.
  const finite = Number.isFinite(attempts) ? attempts : Number.MAX_SAFE_INTEGER;
  if (factor === 1) {
    return { attempts: finite, backoff: { type: 'fixed', delay: Math.min(delayMs, maxDelayMs), jitter } };
  }
  if (factor === 2 && longestMs <= maxDelayMs) {
    return { attempts: finite, backoff: { type: 'exponential', delay: delayMs, jitter } };
  }
  const backoff: OwnBackoff = { type: OWN_TYPE, delay: delayMs, retry };
  return { attempts: finite, backoff };
}

/** The strategy of our workers, for each type of backoff that is not BullMQ's own. */
export function ownBackoff(attemptsMade: number, type: string | undefined, backoff: unknown): number {
  const { retry, delay } = (backoff ?? {}) as Partial<OwnBackoff>;
  // For the type of another program, its delay is the best guess.
  if (type !== OWN_TYPE || !retry) return delay ?? 0;
  return Math.round(backoffMs(attemptsMade, retry));
}

/** A type of backoff that only our workers know, for waits that BullMQ's own two types cannot express. */
const OWN_TYPE = 'nestjs-background-tasks';

interface OwnBackoff extends BackoffOptions {
  readonly retry: ResolvedRetry;
}
