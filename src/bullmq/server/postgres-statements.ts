/**
 * Makes the job active that was added first, of those that are delayed until one of the moments, as BullMQ does with
 * the first of the queue. A limit on the tasks that begin has counted it when the other worker took it.
 */
export const CLAIM = `
  WITH claimed AS (
    UPDATE job SET state = 'active', lock_token = $3, processed_at_ms = $4, locked_until_ms = $5,
      attempts_started = attempts_started + 1, process_at_ms = NULL, delay_ms = 0
    WHERE queue = $1 AND id = (
      SELECT id FROM job WHERE queue = $1 AND state = 'delayed' AND process_at_ms = ANY ($2::bigint[])
        AND NOT EXISTS (SELECT FROM meta WHERE queue = $1 AND field = 'paused' AND value = '1')
      ORDER BY added_at_ms, abs(seq) LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id
  )
  SELECT id, publish_event($1, 'active', jsonb_build_object('jobId', id, 'prev', 'delayed')) FROM claimed`;

/** Makes a job active that waits or is delayed. */
export const TAKE = `
  UPDATE job SET state = 'active', lock_token = $3, locked_until_ms = $4, process_at_ms = NULL
  WHERE queue = $1 AND id = $2 AND state IN ('waiting', 'delayed')`;

/** Finds those of the jobs that are marked as cancelled. */
export const MARKED = `SELECT id FROM job WHERE queue = $1 AND id = ANY ($2::text[]) AND data->'cancelled' = 'true'`;

/**
 * Removes jobs that ended before a moment, as BullMQ does with those that are too old. Locks them in the same order in
 * all processes, because two batches may have the same keys.
 */
export const FREE_KEYS = `
  WITH aged AS (
    SELECT job.id FROM job JOIN unnest($2::text[], $3::bigint[], $4::bigint[]) AS held (id, succeeded, failed)
      ON job.queue = $1 AND job.id = held.id
      AND (state = 'completed' AND finished_at_ms <= succeeded OR state = 'failed' AND finished_at_ms <= held.failed)
    ORDER BY job.id FOR UPDATE OF job
  )
  DELETE FROM job USING aged WHERE job.queue = $1 AND job.id = aged.id`;
