import { createHash } from 'node:crypto';
import type { ResolvedRetry } from '../../contracts/retry-options.js';
import type { EnqueuedTask } from '../../contracts/task-backend.js';
import type { BullMqTaskSettings } from '../options/bullmq-task-settings.js';
import type { ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { retryToBullMq } from '../worker/retry-backoff.js';
import type { NewJob } from './queue-server.js';

/** Makes the job of a task. */
export function newJob(task: EnqueuedTask, options: ResolvedBullMqOptions): NewJob {
  const { envelope } = task;
  return {
    name: envelope.name,
    data: envelope,
    opts: { ...jobOptions(task.retry, task.settings.bullmq, options), jobId: jobIdOf(task) },
  };
}

/** Merges the options of the module, the definition and the call; the later ones win. */
export function jobOptions(
  retry: ResolvedRetry | undefined,
  settings: BullMqTaskSettings | undefined,
  { attempts, backoff }: ResolvedBullMqOptions,
) {
  return { attempts, backoff, ...(retry && retryToBullMq(retry)), ...settings };
}

/** Hashes the key, because BullMQ refuses colons and numbers, and with the name, because two tasks may share a key. */
function jobIdOf({ envelope, idempotencyKey }: EnqueuedTask): string {
  if (idempotencyKey === undefined) return `t${envelope.id}`;
  return `k${createHash('sha256').update(`${envelope.name}\0${idempotencyKey}`).digest('hex')}`;
}
