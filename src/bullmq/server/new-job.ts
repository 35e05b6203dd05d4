import { createHash } from 'node:crypto';
import type { ResolvedRetry } from '../../contracts/retry-options.js';
import type { EnqueuedTask } from '../../contracts/task-backend.js';
import type { ResolvedBullMqOptions } from '../options/bullmq-options.js';
import type { BullMqTaskSettings } from '../options/bullmq-task-settings.js';
import type { NewJob } from './job-server.js';
import { retryToBullMq } from '../worker/retry-backoff.js';

/** What BullMQ is given for a task. */
export function newJob(task: EnqueuedTask, options: ResolvedBullMqOptions): NewJob {
  const { envelope } = task;
  return {
    name: envelope.name,
    data: envelope,
    opts: { ...jobOptions(task.retry, task.settings.bullmq, options), jobId: jobIdOf(task) },
  };
}

/** From what the module says to what the call says, each before the one that it overrules. */
export function jobOptions(
  retry: ResolvedRetry | undefined,
  settings: BullMqTaskSettings | undefined,
  { attempts, backoff }: ResolvedBullMqOptions,
) {
  return { attempts, backoff, ...(retry && retryToBullMq(retry)), ...settings };
}

/** Hashed, for BullMQ refuses colons and numbers; with the name, for one key may serve tasks of two kinds. */
function jobIdOf({ envelope, idempotencyKey }: EnqueuedTask): string {
  if (idempotencyKey !== undefined) return `k${sha256(`${envelope.name}\0${idempotencyKey}`)}`;
  return `t${envelope.id}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
