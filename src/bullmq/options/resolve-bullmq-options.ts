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
import type { BullMqLimiter, BullMqOptions, BullMqWorkerOptions, CommonOptions } from './bullmq-options.js';
import { backoffRule, retentionRule } from './bullmq-task-settings.js';
import { connectionRule, postgresRule } from './server-address.js';

/** Checks the options and fills in the defaults. @throws INVALID_OPTION */
export function resolveBullMqOptions(options: BullMqOptions): ResolvedBullMqOptions {
  const { connection, prefix, postgres, migrate, ...given } = checkAll<CheckedOptions>('', options, rules);
  const complete = {
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
  const server = Object.freeze(serverOf({ connection, prefix, postgres, migrate }));
  const answerTimeoutMs = Math.ceil(complete.acceptTimeoutMs * ANSWER_SHARE);
  return Object.freeze({ ...complete, answerTimeoutMs, server });
}

/** The options after validation, with every default, frozen. */
export type ResolvedBullMqOptions = Readonly<Required<Omit<CommonOptions, 'worker' | 'fallback'>>> & {
  readonly worker: ResolvedWorkerOptions | false;
  readonly fallback: 'in-process' | undefined;
  /** Milliseconds in which the server has to answer, so that `enqueue` ends in `acceptTimeoutMs`. */
  readonly answerTimeoutMs: number;
  readonly server: RedisAddress | PostgresAddress;
};

/** The worker's options with every default. */
export type ResolvedWorkerOptions = Readonly<Required<Omit<BullMqWorkerOptions, 'limiter'>>> & {
  readonly limiter: BullMqLimiter | undefined;
};

export interface RedisAddress {
  readonly kind: 'Redis';
  readonly connection: string | RedisOptions | Redis;
  readonly prefix: string;
}

export interface PostgresAddress {
  readonly kind: 'PostgreSQL';
  readonly postgres: string;
  readonly migrate: boolean;
}

/** The server's share of `acceptTimeoutMs`. The rest is for the network and a busy event loop. */
const ANSWER_SHARE = 0.8;

type ServerOptions = Omit<RedisAddress, 'kind'> & Omit<PostgresAddress, 'kind'>;

type CheckedOptions = Omit<CommonOptions, 'worker'> &
  Partial<ServerOptions> & { readonly worker?: ResolvedWorkerOptions | false };

function serverOf(given: { [K in keyof ServerOptions]: ServerOptions[K] | undefined }): RedisAddress | PostgresAddress {
  const { connection, prefix, postgres, migrate } = given;
  if (postgres === undefined) {
    if (connection === undefined) {
      const fix = 'Give the Redis in connection, or the PostgreSQL in postgres.';
      throw new InvalidOptionError('connection', connection, fix);
    }
    if (migrate !== undefined) throw new InvalidOptionError('migrate', migrate, 'Redis has no schema: leave it out.');
    return { kind: 'Redis', connection, prefix: prefix ?? 'bull' };
  }
  if (connection !== undefined) {
    throw new InvalidOptionError('postgres', postgres, 'Give connection or postgres, not both.', 'both');
  }
  if (prefix !== undefined) throw new InvalidOptionError('prefix', prefix, 'PostgreSQL has no keys: leave it out.');
  return { kind: 'PostgreSQL', postgres, migrate: migrate ?? false };
}

/** BullMQ refuses a colon too, but only when it makes the queue. */
const queueNameRule: Check<string> = (option, value) => {
  if (!nonEmptyString(option, value).includes(':')) return value as string;
  throw new InvalidOptionError(option, value, 'Give a name without a colon: BullMQ uses it in its keys.');
};

const limiterRule: Check<BullMqLimiter> = (path, value) => {
  const members = { max: wholeNumber(1), durationMs: wholeMilliseconds(1) };
  return checkAll<BullMqLimiter>(path, value, members, ['max', 'durationMs']);
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

const rules = {
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
};
