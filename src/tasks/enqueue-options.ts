import { InvalidOptionError } from '../errors/errors.js';
import { type Check, checkAll, group, nonEmptyString } from '../options/checks.js';
import type { BackendSettings } from './backend-settings.js';

/** What can be said about one `enqueue`. */
export interface EnqueueOptions extends BackendSettings {
  /**
   * Names what the task does, so that enqueueing it twice does it once: an order's number, a
   * webhook's delivery id. @default none: every `enqueue` is a task of its own. In this process it holds from
   * the success of the request to the end of the task, and what comes second is `discarded`; on a backend
   * for as long as that remembers the task.
   */
  readonly idempotencyKey?: string;
}

/** As checked: what it says to backends is theirs to check. */
export interface CheckedEnqueueOptions {
  readonly idempotencyKey?: string;
  readonly bullmq?: object;
}

/** Keys that differ in halves of surrogate pairs would be the same bytes to a backend. */
const keyRule: Check<string> = (option, value) => {
  if (nonEmptyString(option, value).isWellFormed()) return value as string;
  throw new InvalidOptionError(option, value, 'Give text without a lone half of a surrogate pair.');
};

const noEnqueueOptions: CheckedEnqueueOptions = Object.freeze({});

/** @throws INVALID_OPTION */
export function checkEnqueueOptions(options: EnqueueOptions | undefined): CheckedEnqueueOptions {
  if (options === undefined) return noEnqueueOptions;
  return checkAll<CheckedEnqueueOptions>('enqueue', options, { idempotencyKey: keyRule, bullmq: group });
}
