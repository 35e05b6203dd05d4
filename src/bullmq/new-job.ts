import { createHash } from 'node:crypto';
import type { EnqueuedTask } from '../tasks/task-backend.js';
import type { ResolvedBullMqOptions } from './bullmq-options.js';
import type { BullMqTaskSettings } from './bullmq-task-settings.js';
import type { NewJob } from './job-server.js';
import { retryToBullMq } from './retry-backoff.js';

/** Ids as they are, but for what BullMQ refuses in one. */
const PLAIN_ID = /^[\w-]{1,128}$/;

/** What BullMQ is given for a task. */
export function newJob(task: EnqueuedTask, options: ResolvedBullMqOptions): NewJob {
  const { envelope, retry, settings } = task;
  return { name: envelope.name, data: envelope, opts: { ...jobOptions({ retry, settings }, options), jobId: jobIdOf(task) } };
}

/** From what the module says to what the call says, each before the one that it overrules. */
export function jobOptions({ retry, settings }: Pick<EnqueuedTask, 'retry' | 'settings'>, options: ResolvedBullMqOptions) {
  const { attempts, backoff } = options;
  return {
    attempts,
    backoff,
    ...(retry && retryToBullMq(retry)),
    ...(settings as BullMqTaskSettings),
  };
}

/** Hashed, for BullMQ refuses colons and numbers; with the name, for one key may serve tasks of two kinds. */
function jobIdOf({ envelope, idempotencyKey }: EnqueuedTask): string {
  if (idempotencyKey !== undefined) return `k${sha256(`${envelope.name}\0${idempotencyKey}`)}`;
  return `t${PLAIN_ID.test(envelope.id) ? envelope.id : sha256(envelope.id)}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
