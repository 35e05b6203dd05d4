import { getNextMillis, type RepeatOptions } from 'bullmq';
import { randomUUID } from 'node:crypto';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { InvalidOptionError } from '../errors/errors.js';
import { BackendUnavailableError } from '../errors/named-task-errors.js';
import { nonEmptyString, wholeNumber } from '../options/checks.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import { payloadToSend } from '../named/payload.js';
import type { BullMqBackend } from './bullmq.backend.js';
import type { ResolvedBullMqOptions } from './options/bullmq-options.js';
import { type BullMqTaskSettings, checkBullMqSettings } from './options/bullmq-task-settings.js';
import { failureReason } from './server/failure-reason.js';
import { jobOptions } from './server/new-job.js';
import { answeredWithin } from './server/time-limit.js';

/** Each run of a schedule carries the payload again. */
const MAX_PAYLOAD_BYTES = 65_536;

/** When: `{ pattern }` as in a crontab, with `tz`, or `{ every }` in milliseconds. BullMQ's own options. */
export type BullMqRepeat = Omit<RepeatOptions, 'key' | 'prevMillis' | 'jobId' | 'count'>;

/** Named tasks that come again and again: BullMQ's job schedulers. */
export class BullMqSchedules {
  constructor(
    private readonly backend: BullMqBackend,
    private readonly options: ResolvedBullMqOptions,
  ) {}

  /**
   * Makes a schedule, or replaces the one of that id: each process that starts may call it. The
   * tasks run wherever a worker of the queue has a handler for them. A payload is what `enqueue` takes, of 64 KiB at most.
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
    const { name, options } = definition;
    const sent = payloadToSend(definition, payload, MAX_PAYLOAD_BYTES);
    checkRepeat(repeat);
    const { bullmq } = definition.settings;
    const own = {
      ...(bullmq && checkBullMqSettings(`${name}.bullmq`, bullmq)),
      ...checkBullMqSettings('settings', settings),
    };
    this.backend.assertReady();
    // The worker gives each task of the schedule an id of its own.
    const data: TaskEnvelope = { v: 1, name, id: randomUUID(), payload: sent, context: {} };
    const opts = jobOptions(options.retry, own, this.options);
    await this.#answered(scheduleId, this.backend.queue.upsertJobScheduler(scheduleId, repeat, { name, data, opts }));
  }

  /** Ends a schedule. Resolves with whether there was one. @throws BACKEND_UNAVAILABLE, INVALID_OPTION */
  async remove(scheduleId: string): Promise<boolean> {
    nonEmptyString('scheduleId', scheduleId);
    this.backend.assertReady();
    return this.#answered(scheduleId, this.backend.queue.removeJobScheduler(scheduleId));
  }

  async #answered<T>(scheduleId: string, command: Promise<T>): Promise<T> {
    try {
      return await answeredWithin(command, this.options.answerTimeoutMs);
    } catch (error) {
      throw new BackendUnavailableError(`Schedule "${scheduleId}"`, failureReason(error), {
        cause: error,
        fix: 'Try again later: setting it twice makes one.',
      });
    }
  }
}

/** BullMQ would say it only when asked to send it, as if the server had refused. */
function checkRepeat(repeat: BullMqRepeat): void {
  const { pattern, every } = repeat;
  if ((pattern === undefined) === (every === undefined)) {
    throw new InvalidOptionError('repeat', repeat, 'Give either { pattern } or { every }.');
  }
  if (every !== undefined) {
    wholeNumber(1)('repeat.every', every);
    return;
  }
  try {
    getNextMillis(Date.now(), repeat);
  } catch (error) {
    throw new InvalidOptionError(
      'repeat',
      repeat,
      `Give a pattern as in a crontab, and a known "tz": ${failureReason(error)}.`,
    );
  }
}
