import { Inject, Injectable } from '@nestjs/common';
import type { NamedTaskReport } from '../contracts/named-task-report.js';
import { withTimeLimit } from '../execution/time-limit.js';
import { NamedTasks } from '../named/named-tasks.js';
import { errorRecord } from './error-record.js';
import { InspectorSettings } from './inspector-options.js';
import type { TaskLookup } from './records.js';

/** Look-ups at a time, from all pages together. */
const MAX_LOOKUPS = 20;
const LIMIT_MS = 3_000;

/** Asks the backend how a named task is, which may run in another process. */
@Injectable()
export class TaskLookups {
  #open = 0;

  constructor(
    @Inject(NamedTasks) private readonly named: NamedTasks,
    @Inject(InspectorSettings) private readonly settings: InspectorSettings,
  ) {}

  /** Never rejects, and takes three seconds at most. */
  async find(id: string): Promise<TaskLookup> {
    if (this.#open >= MAX_LOOKUPS) return { kind: 'unknown', reason: 'Too many tasks are looked up at this moment.' };
    this.#open++;
    try {
      const asked = this.named.backend.findTask?.(id);
      if (!asked) return { kind: 'untold' };
      const found = await withTimeLimit(
        asked,
        LIMIT_MS,
        () => new Error(`The backend did not answer in ${LIMIT_MS} ms.`),
      );
      return found ? { kind: 'found', ...this.#shown(found) } : { kind: 'gone' };
    } catch (error) {
      return { kind: 'unknown', reason: errorRecord(error).message };
    } finally {
      this.#open--;
    }
  }

  #shown({ state, attempts, job }: NamedTaskReport) {
    const { bullBoard } = this.settings;
    const address = [bullBoard, 'queue', ...(job ? [job.queue, job.id].map(encodeURIComponent) : [])].join('/');
    return { state, attempts, ...(job && bullBoard !== undefined && { board: address }) };
  }
}
