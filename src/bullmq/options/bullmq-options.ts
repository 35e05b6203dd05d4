import type { Redis, RedisOptions } from 'ioredis';
import { InvalidOptionError } from '../../errors/errors.js';
import {
  type Check,
  checkAll,
  flag,
  milliseconds,
  nonEmptyString,
  oneOf,
  wholeMilliseconds,
  wholeNumber,
} from '../../options/checks.js';
import { backoffRule, type BullMqBackoff, type BullMqRetention, retentionRule } from './bullmq-task-settings.js';
import { connectionRule, postgresRule } from './server-address.js';

/** How many tasks of the queue may begin within a time, all workers together. */
export interface BullMqLimiter {
  /** That many tasks … */
  readonly max: number;
  /** … in that many milliseconds. */
  readonly durationMs: number;
}

/** What the worker of this process does. Durations are milliseconds. */
export interface BullMqWorkerOptions {
  /** Tasks that this process runs at a time. @default 10. 1 leaves the process idle while a task waits for the network; too many exhaust what they share, such as a connection pool. */
  readonly concurrency?: number;
  /**
   * Milliseconds after which another worker may take a task whose worker has not been heard of; it is
   * heard of every half of that. @default 30000. Too low, and a process that computes for that long
   * loses its tasks to another while they run; too high, and the tasks of a crashed process wait.
   */
  readonly lockDurationMs?: number;
  /** Milliseconds between two looks for such tasks. @default 10000. A crash costs up to this and `lockDurationMs`; very low values keep the server busy. */
  readonly stalledIntervalMs?: number;
  /**
   * How often a task may be found without its worker before it is kept as failed. @default 3. At 0
   * or 1, two crashes that have nothing to do with the task lose it; a high number lets a task that
   * crashes its process crash that many.
   */
  readonly maxStalledCount?: number;
  /** How many tasks may begin within a time. @default no limit. */
  readonly limiter?: BullMqLimiter;
  /**
   * Milliseconds that closing the connections may take, after the drain. @default 2000. 0 cuts them,
   * and what was being written then is done again by another worker; a high number delays the end of
   * a process whose server is gone.
   */
  readonly closeTimeoutMs?: number;
}

interface CommonOptions {
  /** The queue, the same in all processes that share tasks, and no other's. @default 'background-tasks'. Without a colon. */
  readonly queueName?: string;
  /** The worker of this process, or `false` for one that only enqueues. @default a worker with the defaults. */
  readonly worker?: BullMqWorkerOptions | false;
  /** Attempts of a task that says nothing of its own, the first included. @default 3. 1 gives up at the first hiccup; many keep the hopeless busy. */
  readonly attempts?: number;
  /** The waits between those. @default { type: 'exponential', delay: 1000, jitter: 0.5 }. 0 retries at once, which a struggling service will not thank you for. */
  readonly backoff?: BullMqBackoff;
  /** How long the worker of this module keeps succeeded tasks: `age` in seconds, `count` of the latest. @default { age: 3600, count: 1000 }. `false` fills the server, 1.4 KB each; `true` forgets idempotency keys at once. */
  readonly removeOnComplete?: BullMqRetention;
  /** How long it keeps failed tasks. @default { age: 604800, count: 10000 }. `true` leaves nothing to look into. */
  readonly removeOnFail?: BullMqRetention;
  /** Milliseconds in which the server has to accept tasks, before `BACKEND_UNAVAILABLE`. @default 2500. Too low refuses tasks in every hiccup; too high holds requests open while the server is gone. */
  readonly acceptTimeoutMs?: number;
  /**
   * Where a task runs that the server cannot take: `'in-process'` runs it in this process, after the
   * response, with the task's own `retry` and none of its settings under `bullmq`; a crash loses it.
   * @default none: `enqueue` throws `BACKEND_UNAVAILABLE`. What the server gets after all is withdrawn
   * when it is back, and runs again if a worker is quicker. An idempotency key then holds in this
   * process until its task has ended, and against nothing on the server. Within a named task it is
   * a part of that task: of its time limit, and of its next attempt.
   */
  readonly fallback?: 'in-process';
}

/** On Redis. */
export interface BullMqRedisOptions extends CommonOptions {
  /**
   * The URL of a Redis, the options of an ioredis client, or a client, which is copied and neither
   * used nor closed. Offline queue, retries and time limits are ours to decide in each case.
   */
  readonly connection: string | RedisOptions | Redis;
  /** What all keys begin with. @default 'bull', BullMQ's own. */
  readonly prefix?: string;
  readonly postgres?: never;
  readonly migrate?: never;
}

/** On PostgreSQL. */
export interface BullMqPostgresOptions extends CommonOptions {
  /** The connection string of a database; what is BullMQ's lies in its schema `bullmq`. */
  readonly postgres: string;
  /**
   * Whether to create and upgrade that schema at start-up. @default false: run
   * `migrateBullMq(connectionString)` when you deploy. With `true` the user of the connection must
   * be allowed to; until the schema is there, tasks are refused.
   */
  readonly migrate?: boolean;
  readonly connection?: never;
  readonly prefix?: never;
}

/** What `BullMqBackgroundTasksModule.forRoot()` takes. Durations are milliseconds. */
export type BullMqOptions = BullMqRedisOptions | BullMqPostgresOptions;

/** The worker's options with every member decided. */
export type ResolvedWorkerOptions = Readonly<Required<Omit<BullMqWorkerOptions, 'limiter'>>> & {
  readonly limiter: BullMqLimiter | undefined;
};

/** The server has this share of the time; the rest is for the answer to be on its way, and for a busy event loop. */
const ANSWER_SHARE = 0.8;

type Decided = 'queueName' | 'attempts' | 'backoff' | 'removeOnComplete' | 'removeOnFail' | 'acceptTimeoutMs';

/** The options after validation: every member decided, frozen. */
export type ResolvedBullMqOptions = Readonly<Required<Pick<CommonOptions, Decided>>> & {
  readonly worker: ResolvedWorkerOptions | false;
  readonly fallback: 'in-process' | undefined;
  /** Milliseconds in which the server has to answer, so that `enqueue` ends in `acceptTimeoutMs`. */
  readonly answerTimeoutMs: number;
  readonly server:
    | { readonly kind: 'Redis'; readonly connection: string | RedisOptions | Redis; readonly prefix: string }
    | { readonly kind: 'PostgreSQL'; readonly url: string; readonly migrate: boolean };
};

const queueNameRule: Check<string> = (option, value) => {
  if (!nonEmptyString(option, value).includes(':')) return value as string;
  throw new InvalidOptionError(option, value, 'Give a name without a colon: BullMQ uses it in its keys.');
};

const limiterRule: Check<BullMqLimiter> = (path, value) => {
  const rules = { max: wholeNumber(1), durationMs: wholeMilliseconds(1) };
  return checkAll<BullMqLimiter>(path, value, rules, ['max', 'durationMs']);
};

const workerRule: Check<ResolvedWorkerOptions | false> = (path, value) => {
  if (value === false) return false;
  const given = checkAll<BullMqWorkerOptions>(path, value, {
    concurrency: wholeNumber(1),
    lockDurationMs: wholeMilliseconds(10),
    stalledIntervalMs: wholeMilliseconds(10),
    maxStalledCount: wholeNumber(0),
    limiter: limiterRule,
    closeTimeoutMs: milliseconds,
  });
  return Object.freeze({
    concurrency: 10,
    lockDurationMs: 30_000,
    stalledIntervalMs: 10_000,
    maxStalledCount: 3,
    limiter: undefined,
    closeTimeoutMs: 2_000,
    ...given,
  });
};

interface CheckedOptions extends Omit<CommonOptions, 'worker'> {
  readonly worker?: ResolvedWorkerOptions | false;
  readonly connection?: string | RedisOptions | Redis;
  readonly prefix?: string;
  readonly postgres?: string;
  readonly migrate?: boolean;
}

/** Checks the options and fills in the defaults. Throws `INVALID_OPTION`. */
export function resolveBullMqOptions(options: BullMqOptions): ResolvedBullMqOptions {
  const { connection, prefix, postgres, migrate, ...given } = checkAll<CheckedOptions>('', options, {
    connection: connectionRule,
    prefix: nonEmptyString,
    postgres: postgresRule,
    migrate: flag,
    queueName: queueNameRule,
    worker: workerRule,
    attempts: wholeNumber(1),
    backoff: backoffRule,
    removeOnComplete: retentionRule,
    removeOnFail: retentionRule,
    acceptTimeoutMs: wholeMilliseconds(1),
    fallback: oneOf('in-process'),
  });
  const decided = {
    queueName: 'background-tasks',
    worker: workerRule('worker', {}),
    attempts: 3,
    backoff: Object.freeze({ type: 'exponential', delay: 1_000, jitter: 0.5 }),
    removeOnComplete: Object.freeze({ age: 3_600, count: 1_000 }),
    removeOnFail: Object.freeze({ age: 7 * 24 * 3_600, count: 10_000 }),
    acceptTimeoutMs: 2_500,
    fallback: undefined,
    ...given,
  };
  return Object.freeze({
    ...decided,
    answerTimeoutMs: Math.ceil(decided.acceptTimeoutMs * ANSWER_SHARE),
    server: Object.freeze(serverOf({ connection, prefix, postgres, migrate })),
  });
}

type ServerOptions = { [K in 'connection' | 'prefix' | 'postgres' | 'migrate']: CheckedOptions[K] | undefined };

function serverOf({ connection, prefix, postgres, migrate }: ServerOptions): ResolvedBullMqOptions['server'] {
  if (connection !== undefined && postgres !== undefined) {
    throw new InvalidOptionError('postgres', postgres, 'Give connection or postgres, not both.', 'both');
  }
  if (postgres !== undefined) {
    if (prefix !== undefined) throw new InvalidOptionError('prefix', prefix, 'PostgreSQL has no keys: leave it out.');
    return { kind: 'PostgreSQL', url: postgres, migrate: migrate ?? false };
  }
  if (connection === undefined) {
    throw new InvalidOptionError(
      'connection',
      connection,
      'Give the Redis in connection, or the PostgreSQL in postgres.',
    );
  }
  if (migrate !== undefined) throw new InvalidOptionError('migrate', migrate, 'Redis has no schema: leave it out.');
  return { kind: 'Redis', connection, prefix: prefix ?? 'bull' };
}
