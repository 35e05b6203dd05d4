import type { BackoffOptions, JobsOptions } from 'bullmq';
import { backoffMs } from '../../execution/backoff.js';
import type { ResolvedRetry } from '../../contracts/retry-options.js';

/** The type of backoff that only our workers know, for what BullMQ's own two cannot say. */
const OWN_TYPE = 'nestjs-background-tasks';

interface OwnBackoff extends BackoffOptions {
  readonly retry: ResolvedRetry;
}

/** What BullMQ is told of the `retry` of a task. */
export function retryToBullMq(retry: ResolvedRetry): Pick<JobsOptions, 'attempts' | 'backoff'> {
  const { attempts, delayMs, factor, maxDelayMs, jitter } = retry;
  const longestMs = delayMs * factor ** Math.max(attempts - 2, 0);
  // JSON has no Infinity.
  const finite = Number.isFinite(attempts) ? attempts : Number.MAX_SAFE_INTEGER;
  if (factor === 1)
    return { attempts: finite, backoff: { type: 'fixed', delay: Math.min(delayMs, maxDelayMs), jitter } };
  if (factor === 2 && longestMs <= maxDelayMs) {
    return { attempts: finite, backoff: { type: 'exponential', delay: delayMs, jitter } };
  }
  const backoff: OwnBackoff = { type: OWN_TYPE, delay: delayMs, retry };
  return { attempts: finite, backoff };
}

/** The strategy of our workers: BullMQ asks it for each type of backoff that is not its own. */
export function ownBackoff(attemptsMade: number, type: string | undefined, backoff: unknown): number {
  const { retry, delay } = (backoff ?? {}) as Partial<OwnBackoff>;
  // What another program meant by a type of its own is not known here: its delay is the best guess.
  if (type !== OWN_TYPE || !retry) return delay ?? 0;
  return Math.round(backoffMs(attemptsMade, retry));
}
