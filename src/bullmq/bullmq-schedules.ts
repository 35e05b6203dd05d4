import type { RepeatOptions } from 'bullmq';
import { randomUUID } from 'node:crypto';
import type { JsonValue } from '../contracts/json.js';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { BackendUnavailableError } from '../named-task-errors.js';
import type { BullMqBackend } from './bullmq.backend.js';
import type { ResolvedBullMqOptions } from './bullmq-options.js';
import type { BullMqTaskSettings } from './bullmq-task-settings.js';
import { failureReason } from './failure-reason.js';
import { jobOptions } from './new-job.js';

/** What a schedule has to know of a task: its definition has it. */
export interface ScheduledTask {
  readonly name: string;
}

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
   * tasks run wherever a worker of the queue has a handler for them.
   *
   * @throws BACKEND_UNAVAILABLE, INVALID_OPTION
   */
  async set(
    scheduleId: string,
    task: ScheduledTask,
    payload: JsonValue,
    repeat: BullMqRepeat,
    settings: Omit<BullMqTaskSettings, 'delay' | 'deduplication'> = {},
  ): Promise<void> {
    this.backend.assertReady();
    // The worker gives each task of the schedule an id of its own.
    const data: TaskEnvelope = { v: 1, name: task.name, id: randomUUID(), payload, context: {} };
    const opts = jobOptions({ retry: undefined, settings: { ...settings } }, this.options);
    await this.#answered(scheduleId, this.backend.queue.upsertJobScheduler(scheduleId, repeat, { name: task.name, data, opts }));
  }

  /** Ends a schedule. Resolves with whether there was one. @throws BACKEND_UNAVAILABLE */
  async remove(scheduleId: string): Promise<boolean> {
    this.backend.assertReady();
    return this.#answered(scheduleId, this.backend.queue.removeJobScheduler(scheduleId));
  }

  async #answered<T>(scheduleId: string, command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (error) {
      throw new BackendUnavailableError(`Schedule "${scheduleId}"`, failureReason(error), error);
    }
  }
}
