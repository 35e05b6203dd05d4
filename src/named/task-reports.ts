import { Inject, Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { CancelAnswer, NamedTaskReport } from '../contracts/named-task-report.js';
import { providedByModule } from '../tasks/registration.js';
import { NamedTasks } from './named-tasks.js';

/**
 * The state of named tasks, by the `id` of what `enqueue()` returned. With BullMQ it works in every process that shares
 * the queue. Without a backend it works in the process that enqueued the task, and the option `keepReports` says how many
 * it remembers. It does not ask who may see a task: that is for the application to decide. An id cannot be guessed,
 * except that of a task of a schedule.
 */
@Injectable()
export class TaskReports {
  constructor(@Inject(NamedTasks) private readonly named: NamedTasks) {}

  /**
   * Reads the report of a task; `undefined` if there is none, or none any more. BullMQ keeps that of an ended task as long
   * as its job: see `removeOnComplete` and `removeOnFail`.
   *
   * @throws BACKEND_UNAVAILABLE
   */
  async find(id: string): Promise<NamedTaskReport | undefined> {
    return this.named.findReport(id);
  }

  /**
   * Emits the report of a task, and again whenever it changes, and completes when the task has ended, when there is none,
   * and when the application begins to shut down. For `@Sse()`, map each to `{ data: report }`. Fails with
   * BACKEND_UNAVAILABLE if the first report cannot be read; a later outage only delays the next one.
   */
  watch(id: string): Observable<NamedTaskReport> {
    return this.named.watched.watch(id);
  }

  /**
   * Cancels a task, on whichever worker it runs. One that runs has its signal aborted, in about a second if that is
   * another process.
   *
   * @throws BACKEND_UNAVAILABLE
   */
  async cancel(id: string): Promise<CancelAnswer> {
    return this.named.cancel(id);
  }
}

providedByModule(TaskReports);
