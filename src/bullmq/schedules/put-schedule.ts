import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { BackendUnavailableError } from '../../errors/named-task-errors.js';
import { failureReason } from '../server/failure-reason.js';
import type { QueueServer, TaskQueue } from '../server/queue-server.js';
import type { BullMqRepeat, NewSchedule } from './new-schedule.js';

/**
 * Makes a schedule, or replaces the one of its id. One that is there already is left alone: BullMQ would make it anew,
 * and drop the task of it that is due.
 *
 * @throws BACKEND_UNAVAILABLE
 */
export function putSchedule(server: QueueServer, schedule: NewSchedule): Promise<void> {
  const { id, times, name, data, opts } = schedule;
  return onServer(server, id, async (queue) => {
    if (await isThere(queue, schedule)) return;
    await queue.upsertJobScheduler(id, times, { name, data, opts });
  });
}

/** Ends a schedule. Resolves with whether there was one. @throws BACKEND_UNAVAILABLE */
export function dropSchedule(server: QueueServer, id: string): Promise<boolean> {
  return onServer(server, id, (queue) => queue.removeJobScheduler(id));
}

async function onServer<T>(server: QueueServer, id: string, command: (queue: TaskQueue) => Promise<T>): Promise<T> {
  const what = `Schedule "${id}"`;
  server.assertAvailable(what);
  try {
    return await server.answered(onceItCan(server, id, command));
  } catch (error) {
    const fix = 'Try again later: setting it twice makes one.';
    throw new BackendUnavailableError(what, failureReason(error), { cause: error, fix });
  }
}

/**
 * BullMQ refuses to set a schedule while a task of it is where the next one would be: another process sets it at the
 * same moment, or the tasks of an earlier schedule of that id are kept. That ends by itself in most cases.
 */
async function onceItCan<T>(server: QueueServer, id: string, command: (queue: TaskQueue) => Promise<T>): Promise<T> {
  const until = performance.now() + server.options.answerTimeoutMs - TRY_AGAIN_MS;
  for (;;) {
    try {
      return await server.exclusively(id, () => command(server.queue));
    } catch (error) {
      if (!(await isBusy(error)) || performance.now() > until) throw error;
      await wait(TRY_AGAIN_MS);
    }
  }
}

/** Whether the schedule is there as it is to be, and so is its next task. */
async function isThere(queue: TaskQueue, { id, times, name, data, opts }: NewSchedule): Promise<boolean> {
  // BullMQ keeps neither.
  if (times.immediately || times.offset) return false;
  const found = await queue.getJobScheduler(id);
  const { data: theirs, opts: theirOpts } = found?.template ?? {};
  if (!found || found.name !== name || !isDeepStrictEqual(timesOf(found), timesOf(times))) return false;
  const isSame = isDeepStrictEqual(asJson({ ...(theirs as object), id: '' }), asJson({ ...data, id: '' }));
  if (!isSame || !isDeepStrictEqual(asJson(theirOpts), asJson(opts))) return false;
  return (await queue.getJob(`repeat:${id}:${found.next}`)) !== undefined;
}

/** The times that BullMQ keeps with a schedule. */
function timesOf({ pattern, every, tz, limit, startDate, endDate }: BullMqRepeat): unknown {
  const moments = [startDate, endDate].map((date) => date && new Date(date).getTime());
  return [pattern, every, tz, limit, ...moments].map((time) => time ?? undefined);
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? {}));
}

async function isBusy(error: unknown): Promise<boolean> {
  const { ErrorCode } = await import('bullmq');
  const { code } = error as { readonly code?: unknown };
  return code === ErrorCode.SchedulerJobSlotsBusy || code === ErrorCode.SchedulerJobIdCollision;
}

const TRY_AGAIN_MS = 50;
