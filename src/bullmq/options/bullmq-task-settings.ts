import type { JobsOptions, KeepJobs } from 'bullmq';
import { InvalidOptionError } from '../../errors/errors.js';
import {
  type Check,
  checkAll,
  flag,
  fraction,
  milliseconds,
  nonEmptyString,
  wholeNumber,
} from '../../options/checks.js';

/** BullMQ's waits between attempts: a number is the milliseconds of every wait. */
export type BullMqBackoff = NonNullable<JobsOptions['backoff']>;

/** The jobs that BullMQ keeps when they have ended: `true` for none, a number for the latest, `age` in seconds. */
export type BullMqRetention = NonNullable<JobsOptions['removeOnComplete']>;

/**
 * Settings of `defineTask({ bullmq: { … } })` and `enqueue(definition, payload, { bullmq: { … } })`: BullMQ's own
 * options of a job. The module's options decide what is absent.
 */
export interface BullMqTaskSettings {
  /** Milliseconds before the task may run. @default 0. By the clock of the process that enqueues it. */
  readonly delay?: number;
  /** 1 is the most urgent, 2097152 the least. @default 0, which comes before all others and is faster to add. */
  readonly priority?: number;
  /** Attempts in all, the first included. @default the task's `retry.attempts`, else the module's `attempts`. */
  readonly attempts?: number;
  /**
   * The waits between attempts. @default the task's `retry`, else the module's `backoff`. 0 retries at once and can
   * overload a service that is already failing.
   */
  readonly backoff?: BullMqBackoff;
  /** Whether it runs before tasks that wait already. @default false. Under load, those may then wait for ever. */
  readonly lifo?: boolean;
  /**
   * The longest time for which the job and its key are kept after success. @default as the module says. When this task
   * ends, BullMQ applies it to all tasks of the queue that have succeeded: a short one frees the keys of others.
   */
  readonly removeOnComplete?: BullMqRetention;
  /** The same after it has failed for good. @default as the module says. */
  readonly removeOnFail?: BullMqRetention;
  /** BullMQ's deduplication: another job of the `id` is dropped while the first exists, or for `ttl` milliseconds. */
  readonly deduplication?: NonNullable<JobsOptions['deduplication']>;
}

declare module '../../contracts/task-backend.js' {
  interface BackendSettings {
    /** Settings for BullMQ. */
    readonly bullmq?: BullMqTaskSettings;
  }
}

export const backoffRule: Check<BullMqBackoff> = (option, value) => {
  if (typeof value === 'number') return milliseconds(option, value);
  const rules = { type: nonEmptyString, delay: milliseconds, jitter: fraction };
  return checkAll<Exclude<BullMqBackoff, number>>(option, value, rules, ['type']);
};

export const retentionRule: Check<BullMqRetention> = (option, value) => {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return wholeNumber(0)(option, value);
  const rules = { age: wholeNumber(0), count: wholeNumber(0), limit: wholeNumber(1) };
  const kept = checkAll<{ age?: number; count?: number; limit?: number }>(option, value, rules);
  if (kept.age !== undefined || kept.count !== undefined) return kept as KeepJobs;
  throw new InvalidOptionError(option, value, 'Give { age, count }, or one of them.');
};

/** BullMQ keeps a priority in 21 bits. It checks that itself, but only when a job is added. */
const priorityRule: Check<number> = (option, value) => {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 2_097_152) return value as number;
  throw new InvalidOptionError(option, value, 'Give a whole number from 0 to 2097152.');
};

const deduplicationRule: Check<Deduplication> = (option, value) => {
  const rules = {
    id: nonEmptyString,
    ttl: milliseconds,
    extend: flag,
    replace: flag,
    reschedule: flag,
    keepLastIfActive: flag,
  };
  return checkAll<Deduplication>(option, value, rules, ['id']);
};

type Deduplication = NonNullable<JobsOptions['deduplication']>;

/** Checks the settings under `bullmq` of a definition or a call. */
export const checkBullMqSettings: Check<BullMqTaskSettings> = (path, settings) =>
  checkAll<BullMqTaskSettings>(path, settings, {
    delay: milliseconds,
    priority: priorityRule,
    attempts: wholeNumber(1),
    backoff: backoffRule,
    lifo: flag,
    removeOnComplete: retentionRule,
    removeOnFail: retentionRule,
    deduplication: deduplicationRule,
  });
