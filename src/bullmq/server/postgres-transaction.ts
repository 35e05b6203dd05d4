import { Job } from 'bullmq';
import type { NewJob } from './new-job.js';
import type { TaskQueue } from './queue-server.js';
import type { TaskQueues } from './task-queues.js';
import type { TransactionQuery } from './transaction-query.js';

// The only file that calls functions of BullMQ's schema by name. They are no API of BullMQ: the probe of the server
// calls them too, so that health and a log line tell at start-up if another version has others.

/** Inserts jobs in a transaction of the caller's own, in their order. Changes nothing else of its connection. */
export async function insertJobs(
  query: TransactionQuery,
  queues: Pick<TaskQueues, 'get'>,
  jobs: readonly NewJob[],
): Promise<void> {
  const keys = jobs.flatMap(({ key, queue }) => (key ? { ...key, queue } : []));
  if (keys.length > 0) await query(FREE_KEYS, JSON.stringify(keys));
  const single = jobs.filter(({ parent, isParent }) => !parent && !isParent);
  if (single.length > 0) await query(ADD_JOBS, JSON.stringify(single.map((job) => rowOf(queues.get(job.queue), job))));
  // The jobs that wait for others come first.
  const grouped = [...jobs.filter(({ isParent }) => isParent), ...jobs.filter(({ parent }) => parent)];
  if (grouped.length > 0) await query(ADD_GROUPS, JSON.stringify(grouped.map((job) => entryOf(queues, job))));
  const aliases = jobs.flatMap(({ queue, opts, alias }) => (alias ? [{ queue, id: opts.jobId, alias }] : []));
  if (aliases.length > 0) await query(ADD_ALIASES, JSON.stringify(aliases));
}

/** Explains the error of a database that lacks what BullMQ needs; `undefined` for any other error. */
export function whatIsMissing(error: unknown): string | undefined {
  const { code, cause, driverError } = error as DatabaseError;
  if (typeof code === 'string' && code in MISSING) return MISSING[code];
  const inner = cause ?? driverError;
  return typeof inner === 'object' && inner !== null && inner !== error ? whatIsMissing(inner) : undefined;
}

/** Describes a job as BullMQ's own commands do. */
function rowOf(queue: TaskQueue, { name, data, opts, parent }: NewJob) {
  const job = new Job(queue, name, data, { ...opts, ...(parent && { parent }) }, opts.jobId);
  const { opts: stored, timestamp, deduplicationId } = job.asJSON();
  const { delay, priority, attempts, lifo } = opts;
  return {
    queue: queue.name,
    id: opts.jobId,
    name,
    data,
    opts: stored,
    timestamp,
    deduplicationId,
    delay,
    priority,
    attempts,
    lifo,
  };
}

/** Describes a job of a group. */
function entryOf(queues: Pick<TaskQueues, 'get'>, job: NewJob) {
  const { deduplicationId, ...row } = rowOf(queues.get(job.queue), job);
  const { parent, isParent } = job;
  const ofParent = parent && {
    parentQueue: parent.queue,
    parentId: parent.id,
    parentKey: `${parent.queue}:${parent.id}`,
  };
  return { ...row, dedupId: deduplicationId, addToWaitingChildren: isParent === true, ...ofParent };
}

/** Adds groups, as BullMQ adds flows. */
const ADD_GROUPS = `SELECT bullmq.add_flow($1::jsonb)`;

/**
 * Adds the jobs one by one, as BullMQ adds a single one. Its function for several makes temporary tables, and the one
 * for flows reads what other transactions write, which `SERIALIZABLE` refuses. Every function of BullMQ sets its own
 * `search_path`, so that the caller's need not change. There must be no question mark and no second `$1` in it.
 */
const ADD_JOBS = `
  SELECT bullmq.add_job(
    job->>'queue', job->>'id', job->>'name', job->'data', job->'opts', coalesce((job->>'priority')::integer, 0),
    coalesce((job->>'delay')::bigint, 0), (job->>'timestamp')::bigint, coalesce((job->>'attempts')::integer, 1),
    NULL, NULL, NULL, job->>'deduplicationId', NULL, coalesce((job->>'lifo')::boolean, false))
  FROM pg_catalog.jsonb_array_elements($1::jsonb) AS jobs (job)`;

/**
 * Notes the ids of tasks in the logs of their jobs. Each has a place of its own, because transactions that add to the same
 * log would have to wait for each other, or fail.
 */
const ADD_ALIASES = `
  INSERT INTO bullmq.job_log (queue, job_id, idx, row)
    SELECT job.queue, job.id, ('x' || substr(md5(task->>'alias'), 1, 15))::bit(60)::bigint, task->>'alias'
    FROM bullmq.job JOIN pg_catalog.jsonb_array_elements($1::jsonb) AS aliases (task)
      ON job.queue = task->>'queue' AND job.id = task->>'id'
  ON CONFLICT DO NOTHING`;

/** Removes jobs that ended before a moment, as BullMQ does with those that are too old. Locks them in one order. */
const FREE_KEYS = `
  DELETE FROM bullmq.job WHERE (queue, id) IN (
    SELECT job.queue, job.id FROM bullmq.job JOIN pg_catalog.jsonb_array_elements($1::jsonb) AS keys (held)
      ON job.queue = held->>'queue' AND job.id = held->>'jobId'
      AND (state = 'completed' AND finished_at_ms <= (held->>'succeededBefore')::bigint
        OR state = 'failed' AND finished_at_ms <= (held->>'failedBefore')::bigint)
    ORDER BY job.id FOR UPDATE OF job)`;

/** The codes of PostgreSQL for a schema, a table and a function that are not there. */
const MISSING: Readonly<Record<string, string>> = {
  '3F000': 'its database has no schema "bullmq"',
  '42P01': "its database lacks one of BullMQ's tables",
  '42883': "its database lacks BullMQ's functions add_job() and add_flow(), in the form that this package calls",
};

/** The error of a driver, or of a library that keeps it within its own. */
interface DatabaseError {
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly driverError?: unknown;
}
