import type { Redis, RedisOptions } from 'ioredis';
import type { BullMqBackoff, BullMqRetention } from './bullmq-task-settings.js';

/** A limit on how many tasks of the queue begin in a period, all workers together. */
export interface BullMqLimiter {
  /** Tasks that may begin in one period. */
  readonly max: number;
  /** The length of the period, in milliseconds. */
  readonly durationMs: number;
}

/** The worker of this process. Durations are milliseconds. */
export interface BullMqWorkerOptions {
  /**
   * Tasks that this process runs at a time. @default 10. 1 leaves the process idle while a task waits for the network;
   * too many exhaust what they share, such as a connection pool.
   */
  readonly concurrency?: number;
  /**
   * Milliseconds after which another worker may take a task. Its own worker renews the lock twice in that time.
   * @default 30000. If it is too low, a process that computes for that long loses its tasks to another while they run.
   * If it is too high, the tasks of a crashed process wait.
   */
  readonly lockDurationMs?: number;
  /**
   * Milliseconds between two searches for such tasks. @default 10000. After a crash a task waits for up to the sum of
   * this and `lockDurationMs`. Very low values keep the server busy.
   */
  readonly stalledIntervalMs?: number;
  /**
   * Times that a task may lose its worker before it counts as failed. @default 3. With 0 or 1, two crashes for other
   * reasons lose the task. With a high number, a task that crashes its process does so that many times.
   */
  readonly maxStalledCount?: number;
  /** A limit on how many tasks begin in a period. @default no limit. */
  readonly limiter?: BullMqLimiter;
  /**
   * Milliseconds that closing the worker may take, after the drain. @default 2000. 0 cuts its connections, and another
   * worker repeats what was being written; a high number delays the end of a process whose server is gone.
   */
  readonly closeTimeoutMs?: number;
}

/** Options on both servers. */
export interface CommonOptions {
  /** The name of the queue, without a colon. @default 'background-tasks'. Processes of the same name share tasks. */
  readonly queueName?: string;
  /** The worker of this process, or `false` for one that only enqueues. @default a worker with the defaults. */
  readonly worker?: BullMqWorkerOptions | false;
  /**
   * Attempts of a task that sets none itself, the first included. @default 3. 1 gives up at the first failure; many
   * keep workers busy with tasks that cannot succeed.
   */
  readonly attempts?: number;
  /**
   * The waits between attempts. @default { type: 'exponential', delay: 1000, jitter: 0.5 }. 0 retries at once and can
   * overload a service that is already failing.
   */
  readonly backoff?: BullMqBackoff;
  /**
   * The time for which the worker of this module keeps succeeded tasks: `age` in seconds, `count` of the latest.
   * @default { age: 3600, count: 1000 }. `false` fills the server, 1.4 KB each; `true` forgets their keys at once. A
   * process that enqueues takes an idempotency key as free `age` seconds after its task has ended.
   */
  readonly removeOnComplete?: BullMqRetention;
  /** The same for failed tasks. @default { age: 604800, count: 10000 }. `true` leaves nothing to examine. */
  readonly removeOnFail?: BullMqRetention;
  /**
   * Milliseconds in which the server has to accept tasks, before `BACKEND_UNAVAILABLE`. @default 2500. Too low refuses
   * tasks at every short delay; too high makes requests wait while the server is gone.
   */
  readonly acceptTimeoutMs?: number;
  /**
   * Whether tasks run in this process while it is known that the server takes none: `'in-process'` runs them after the
   * response, with the task's own `retry` and none of its settings under `bullmq`; a crash loses them. @default none:
   * `enqueue` throws `BACKEND_UNAVAILABLE`. A task that the server did not confirm is refused all the same, because it
   * may have arrived. An idempotency key then holds in this process until its task has ended, and against nothing on
   * the server. Within a named task it is a part of that task: of its time limit, and of its next attempt.
   */
  readonly fallback?: 'in-process';
}

/** Options on Redis. */
export interface BullMqRedisOptions extends CommonOptions {
  /**
   * The URL of a Redis, the options of an ioredis client, or a client, which is copied and neither used nor closed.
   * This module sets its offline queue, retries and time limits.
   */
  readonly connection: string | RedisOptions | Redis;
  /** The beginning of all keys. @default 'bull', BullMQ's own. */
  readonly prefix?: string;
  readonly postgres?: never;
  readonly migrate?: never;
}

/** Options on PostgreSQL. */
export interface BullMqPostgresOptions extends CommonOptions {
  /** The connection string of a database; BullMQ's tables lie in its schema `bullmq`. */
  readonly postgres: string;
  /**
   * Whether to create and upgrade that schema at start-up. @default false: run `migrateBullMq(connectionString)` when
   * you deploy. With `true` the user of the connection must be allowed to. Until then tasks are refused.
   */
  readonly migrate?: boolean;
  readonly connection?: never;
  readonly prefix?: never;
}

/** Options of `BullMqBackgroundTasksModule.forRoot()`. Durations are milliseconds. */
export type BullMqOptions = BullMqRedisOptions | BullMqPostgresOptions;
