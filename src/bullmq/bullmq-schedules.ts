import { Inject, Injectable } from '@nestjs/common';
import type { RepeatOptions } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { InvalidOptionError } from '../errors/errors.js';
import { BackendUnavailableError } from '../errors/named-task-errors.js';
import { membersOf, nonEmptyString, wholeNumber } from '../options/checks.js';
import { assertDefinition, type TaskDefinition } from '../tasks/task-definition.js';
import { payloadToSend } from '../named/payload.js';
import { type BullMqTaskSettings, checkBullMqSettings } from './options/bullmq-task-settings.js';
import { failureReason } from './server/failure-reason.js';
import { jobOptions } from './server/new-job.js';
import { QueueServer, type TaskQueue } from './server/queue-server.js';

/** Named tasks that are enqueued again and again, by BullMQ's job schedulers. */
@Injectable()
export class BullMqSchedules {
  constructor(@Inject(QueueServer) private readonly server: QueueServer) {}

  /**
   * Makes a schedule, or replaces the one of that id: each process that starts may call it. The tasks run wherever a
   * worker of the queue has a handler for them. A payload is JSON, as with `enqueue`, of 64 KiB at most.
   *
   * @throws BACKEND_UNAVAILABLE, INVALID_OPTION, INVALID_PAYLOAD
   */
  async set<Input, Output>(
    scheduleId: string,
    definition: TaskDefinition<Input, Output>,
    payload: NoInfer<Input>,
    repeat: BullMqRepeat,
    settings: Omit<BullMqTaskSettings, 'delay' | 'deduplication'> = {},
  ): Promise<void> {
    nonEmptyString('scheduleId', scheduleId);
    assertDefinition(definition);
    const { name, options } = definition;
    const sent = payloadToSend(definition, payload, MAX_PAYLOAD_BYTES);
    const times: BullMqRepeat = Object.fromEntries(membersOf('repeat', repeat));
    await checkRepeat(times);
    const { bullmq } = definition.settings;
    const own = {
      ...(bullmq && checkBullMqSettings(`${name}.bullmq`, bullmq)),
      ...checkBullMqSettings('settings', settings),
    };
    // The worker gives each task of the schedule an id of its own.
    const data: TaskEnvelope = { v: 1, name, id: randomUUID(), payload: sent, context: {} };
    const opts = jobOptions(options.retry, own, this.server.options);
    await this.#answered(scheduleId, (queue) => queue.upsertJobScheduler(scheduleId, times, { name, data, opts }));
  }

  /** Ends a schedule. Resolves with whether there was one. @throws BACKEND_UNAVAILABLE, INVALID_OPTION */
  async remove(scheduleId: string): Promise<boolean> {
    nonEmptyString('scheduleId', scheduleId);
    return this.#answered(scheduleId, (queue) => queue.removeJobScheduler(scheduleId));
  }

  async #answered<T>(scheduleId: string, command: (queue: TaskQueue) => Promise<T>): Promise<T> {
    const what = `Schedule "${scheduleId}"`;
    this.server.assertAvailable(what);
    try {
      return await this.server.answered(this.#onceItCan(scheduleId, command));
    } catch (error) {
      const fix = 'Try again later: setting it twice makes one.';
      throw new BackendUnavailableError(what, failureReason(error), { cause: error, fix });
    }
  }

  /**
   * BullMQ refuses to set a schedule while a task of it is where the next one would be: another process sets it at the
   * same moment, or the tasks of an earlier schedule of that id are kept. That ends by itself in most cases.
   */
  async #onceItCan<T>(scheduleId: string, command: (queue: TaskQueue) => Promise<T>): Promise<T> {
    const until = performance.now() + this.server.options.answerTimeoutMs - TRY_AGAIN_MS;
    for (;;) {
      try {
        return await this.server.exclusively(scheduleId, () => command(this.server.queue));
      } catch (error) {
        if (!(await isBusy(error)) || performance.now() > until) throw error;
        await wait(TRY_AGAIN_MS);
      }
    }
  }
}

async function isBusy(error: unknown): Promise<boolean> {
  const { ErrorCode } = await import('bullmq');
  const { code } = error as { readonly code?: unknown };
  return code === ErrorCode.SchedulerJobSlotsBusy || code === ErrorCode.SchedulerJobIdCollision;
}

const TRY_AGAIN_MS = 50;

/** BullMQ's times of a schedule: `{ pattern }` as in a crontab, with `tz`, or `{ every }` in milliseconds. */
export type BullMqRepeat = Omit<RepeatOptions, 'key' | 'prevMillis' | 'jobId' | 'count'>;

/** Checks the times now: BullMQ refuses them only while the server is available, as if the server had failed. */
async function checkRepeat(repeat: BullMqRepeat): Promise<void> {
  const { pattern, every } = repeat;
  if ((pattern === undefined) === (every === undefined)) {
    throw new InvalidOptionError('repeat', repeat, 'Give either { pattern } or { every }.');
  }
  if (every !== undefined) {
    wholeNumber(1)('repeat.every', every);
    return;
  }
  const { getNextMillis } = await import('bullmq');
  try {
    getNextMillis(Date.now(), repeat);
  } catch (error) {
    const fix = `Give a pattern as in a crontab, and a known "tz": ${failureReason(error)}.`;
    throw new InvalidOptionError('repeat', repeat, fix);
  }
}

/** Each run of a schedule carries the payload again. */
const MAX_PAYLOAD_BYTES = 65_536;
