import { Logger } from '@nestjs/common';
import type { TaskObserver } from '../contracts/task-observer.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { firstFrame } from '../tasks/stack-trace.js';
import { errorText } from './error-text.js';
import { writeLine } from './log-line.js';

/** Writes the log lines of this package. They hold names and ids, never arguments. */
export class TaskLog {
  readonly #logger = new Logger('BackgroundTasks');
  readonly #brokenObservers = new WeakSet<TaskObserver>();
  #isTraceBroken = false;

  failure(task: QueuedTask): void {
    const what = task.state === 'timed-out' ? 'timed out' : 'failed';
    const details = [`id ${task.id}`, `attempt ${task.attempts}`, `${task.durationMs.toFixed(1)} ms`];
    const frame = firstFrame(task.stackTrace);
    if (frame) details.push(`added ${frame}`);
    this.#write('error', `Task "${task.name}" ${what} (${details.join(', ')}): ${errorText(task.error)}`);
  }

  discarded(tasks: readonly QueuedTask[], reason: string): void {
    this.#write('warn', `${reason}: discarded ${names(tasks)}.`);
  }

  abandoned(tasks: readonly QueuedTask[], disposing: readonly string[], timeoutMs: number): void {
    const list = tasks.map((task) => {
      const age = task.state === 'running' ? `, running for ${Math.round(performance.now() - task.startedAt)} ms` : '';
      return `"${task.name}" (id ${task.id}${age})`;
    });
    const left = tasks.length > 0 ? [`abandoned ${tasks.length} task(s): ${list.join(', ')}`] : [];
    if (disposing.length > 0) left.push(`did not wait for the disposal of ${disposing.join(', ')}`);
    this.#write('error', `Shutdown took ${timeoutMs} ms: ${left.join('; ')}.`);
  }

  disposalFailed(errors: readonly unknown[]): void {
    const error = errors.length === 1 ? errors[0] : new AggregateError(errors, `${errors.length} disposers failed`);
    const all = errors.length === 1 ? '' : errors.map((each) => `\n- ${errorText(each)}`).join('');
    this.#write('error', `Disposal failed: ${errorText(error)}${all}`);
  }

  deferredExitFailed(error: unknown): void {
    this.#write(
      'error',
      `A 'before-response' resource failed to exit after its response had been sent: ${errorText(error)}`,
    );
  }

  pauseFailed(error: unknown): void {
    this.#write('error', `The backend failed to pause, and may start more jobs during the drain: ${errorText(error)}`);
  }

  brokenObserver(observer: TaskObserver, error: unknown): void {
    if (this.#brokenObservers.has(observer)) return;
    this.#brokenObservers.add(observer);
    this.#write('error', `A task observer threw, and is not reported again: ${errorText(error)}`);
  }

  traceLost(error: unknown): void {
    if (this.#isTraceBroken) return;
    this.#isTraceBroken = true;
    this.#write('error', `The trace of a named task is lost, and this is not reported again: ${errorText(error)}`);
  }

  #write(level: 'error' | 'warn', line: string): void {
    writeLine(this.#logger, level, line);
  }
}

function names(tasks: readonly QueuedTask[]): string {
  return tasks.map((task) => `"${task.name}"`).join(', ');
}
