import type { JobsOptions, RepeatOptions } from 'bullmq';
import { randomUUID } from 'node:crypto';
import type { TaskEnvelope } from '../../contracts/task-envelope.js';
import { InvalidOptionError } from '../../errors/errors.js';
import { payloadToSend } from '../../named/payload.js';
import { membersOf, nonEmptyString, wholeNumber } from '../../options/checks.js';
import type { TaskDefinition } from '../../tasks/task-definition.js';
import { type BullMqTaskSettings, checkBullMqSettings } from '../options/bullmq-task-settings.js';
import type { ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { failureReason } from '../server/failure-reason.js';
import { jobOptions } from '../server/new-job.js';

/** A schedule that has been checked. */
export interface NewSchedule {
  readonly id: string;
  readonly times: BullMqRepeat;
  readonly name: string;
  /** The data of each of its jobs. The worker gives each task an id of its own. */
  readonly data: TaskEnvelope;
  readonly opts: JobsOptions;
}

/** BullMQ's times of a schedule: `{ pattern }` as in a crontab, with `tz`, or `{ every }` in milliseconds. */
export type BullMqRepeat = Omit<RepeatOptions, 'key' | 'prevMillis' | 'jobId' | 'count'>;

/** BullMQ's options for the tasks of a schedule. */
export type BullMqScheduleSettings = Omit<BullMqTaskSettings, 'delay' | 'deduplication'>;

/** Checks a schedule of a definition. `path` is the name of its times in errors. @throws INVALID_OPTION, INVALID_PAYLOAD */
export async function newSchedule(
  path: string,
  { id, definition, payload, repeat, settings = {} }: GivenSchedule,
  options: ResolvedBullMqOptions,
): Promise<NewSchedule> {
  const { name } = definition;
  nonEmptyString('scheduleId', id);
  const sent = payloadToSend(definition, payload, MAX_PAYLOAD_BYTES);
  const times: BullMqRepeat = Object.fromEntries(membersOf(path, repeat));
  await checkTimes(path, times);
  const { bullmq } = definition.settings;
  const own = {
    ...(bullmq && checkBullMqSettings(`${name}.bullmq`, bullmq)),
    ...checkBullMqSettings('settings', settings),
  };
  const data: TaskEnvelope = { v: 1, name, id: randomUUID(), payload: sent, context: {} };
  return { id, times, name, data, opts: jobOptions(definition.options.retry, own, options) };
}

interface GivenSchedule {
  readonly id: string;
  readonly definition: TaskDefinition;
  readonly payload: unknown;
  readonly repeat: BullMqRepeat;
  readonly settings?: BullMqScheduleSettings;
}

/** Checks the times now: BullMQ refuses them only while the server is available, as if the server had failed. */
async function checkTimes(path: string, times: BullMqRepeat): Promise<void> {
  const { pattern, every } = times;
  if ((pattern === undefined) === (every === undefined)) {
    throw new InvalidOptionError(path, times, 'Give either { pattern } or { every }.');
  }
  if (every !== undefined) {
    wholeNumber(1)(`${path}.every`, every);
    return;
  }
  const { getNextMillis } = await import('bullmq');
  try {
    getNextMillis(Date.now(), times);
  } catch (error) {
    const fix = `Give a pattern as in a crontab, and a known "tz": ${failureReason(error)}.`;
    throw new InvalidOptionError(path, times, fix);
  }
}

/** Each run of a schedule carries the payload again. */
const MAX_PAYLOAD_BYTES = 65_536;
