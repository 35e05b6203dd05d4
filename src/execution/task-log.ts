import { Logger } from '@nestjs/common';
import type { TaskObserver } from '../contracts/task-observer.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { firstFrame } from '../tasks/stack-trace.js';
import { errorText } from './error-text.js';
import { type LogFacts, writeLine } from './log-line.js';
import type { TaskQueue } from './task-queue.js';

/**
 * Writes the log lines of this package. They hold names and ids, never arguments. Those about tasks have them as an object
 * as well, for structured loggers.
 */
export class TaskLog {
  readonly #logger = new Logger('BackgroundTasks');
  readonly #brokenObservers = new WeakSet<TaskObserver>();
  readonly #lackingResults = new Set<string>();
  #isTraceBroken = false;
  #hasSaidReports = false;

  failure(task: QueuedTask, isRetried: boolean, scope: Described): void {
    const how = task.state === 'timed-out' ? 'timed out' : 'failed';
    const what = isRetried ? `${how}, and is tried again` : how;
    const details = [`id ${task.id}`, `attempt ${task.attempts}`, `${task.durationMs.toFixed(1)} ms`];
    const frame = firstFrame(task.stackTrace);
    if (frame) details.push(`added ${frame}`);
    this.#write(
      isRetried ? 'warn' : 'error',
      `Task "${task.name}" ${what} (${details.join(', ')}): ${errorText(task.error)}`,
      { task: factsOf(task, scope) },
    );
  }

  discarded(tasks: readonly QueuedTask[], reason: string, scope: Described): void {
    const facts = { tasks: tasks.map((task) => factsOf(task, scope, 'discarded')) };
    this.#write('warn', `Discarded ${names(tasks)}: ${reason}.`, facts);
  }

  /** Says at start-up what this package does not promise. */
  lossNotice(): void {
    this.#write(
      'log',
      'Tasks of addTask() die with this process. What must not be lost is a named task on a backend, such as BullMQ. ' +
        'Set "lossNotice: false" to log this no more.',
    );
  }

  /** Warns of an application that a signal would end at once. */
  missingShutdownHooks(task: string): void {
    this.#write(
      'warn',
      `Task "${task}" would be lost if the process received SIGTERM now: nobody listens to that signal. Call ` +
        'app.enableShutdownHooks() before app.listen(). Ignore this if something else calls app.close() at shutdown.',
    );
  }

  /** Says what the shutdown waits for, where it does not end at once. */
  shutdownWaits({ tasks, connections, units, disposing }: Unfinished, timeoutMs: number): void {
    const parts = [
      tasks.length > 0 && `${counted(tasks.length, 'task')} (${countedNames(tasks)})`,
      connections > 0 && counted(connections, 'connection'),
      units > 0 && counted(units, 'unit of work', 'units of work'),
      disposing.length > 0 && `the disposal of ${disposing.join(', ')}`,
    ];
    const waitsFor = new Intl.ListFormat('en').format(parts.filter((part) => part !== false)) || 'requests to end';
    this.#write('log', `Shutting down: waiting for ${waitsFor}, up to ${seconds(timeoutMs)}.`);
  }

  /** Says how a shutdown that has said what it waits for has ended. */
  shutdownFinished(tookMs: number): void {
    this.#write('log', `Shutting down: everything has ended after ${seconds(tookMs)}.`);
  }

  /** @param how what ended the wait, such as "took 25000 ms" */
  abandoned(how: string, queues: readonly TaskQueue[], disposing: readonly string[]): void {
    const tasks = queues.flatMap(({ unfinished }) => unfinished);
    const list = tasks.map((task) => {
      const age = task.state === 'running' ? `, running for ${Math.round(performance.now() - task.startedAt)} ms` : '';
      return `"${task.name}" (id ${task.id}${age})`;
    });
    const left = tasks.length > 0 ? [`abandoned ${tasks.length} task(s): ${list.join(', ')}`] : [];
    if (disposing.length > 0) left.push(`did not wait for the disposal of ${disposing.join(', ')}`);
    const facts = queues.flatMap(({ unfinished, owner }) =>
      unfinished.map((task) => factsOf(task, owner.origin, 'abandoned')),
    );
    this.#write('error', `Shutdown ${how}: ${left.join('; ')}.`, { tasks: facts });
  }

  /** @param failures the disposers of one request, unit of work or run of a handler */
  disposalFailed(failures: readonly DisposalFailure[], { description }: Described): void {
    const errors = failures.map(({ error }) => error);
    const error = errors.length === 1 ? errors[0] : new AggregateError(errors, `${errors.length} disposers failed`);
    const all =
      errors.length === 1 ? '' : failures.map((each) => `\n- ${each.name}: ${errorText(each.error)}`).join('');
    const disposed = failures.map(({ name }) => name).join(', ');
    this.#write('error', `Disposal of ${disposed} failed after ${description}: ${errorText(error)}${all}`);
  }

  /** @param resource the `'before-response'` resource that threw; absent if the backend did */
  deferredExitFailed(error: unknown, resource: string | undefined, { description }: Described): void {
    const failed = resource === undefined ? 'Handing over tasks' : `'before-response' resource ${resource}`;
    this.#write('error', `${failed} failed after the response of ${description} had been sent: ${errorText(error)}`);
  }

  /** The answer to an operation of GraphQL says nothing of the error. */
  exitFailed(error: unknown): void {
    this.#write('error', `A request of GraphQL is answered with an error: ${errorText(error)}`);
  }

  pauseFailed(error: unknown): void {
    this.#write('error', `The backend failed to pause, and may start more jobs during the drain: ${errorText(error)}`);
  }

  /** Says once for each name why a report lacks what the handler returned. */
  resultNotKept(name: string, problem: string): void {
    if (this.#lackingResults.has(name)) return;
    this.#lackingResults.add(name);
    this.#write('warn', `The report of task "${name}" lacks what the handler returned: ${problem}.`);
  }

  /** Says once that reports are asked for, and that nothing keeps them. */
  reportsNotKept(): void {
    if (this.#hasSaidReports) return;
    this.#hasSaidReports = true;
    this.#write('warn', 'TaskReports is used, and knows no task: nothing keeps reports. Set keepReports in forRoot().');
  }

  brokenObserver(observer: TaskObserver, error: unknown): void {
    if (this.#brokenObservers.has(observer)) return;
    this.#brokenObservers.add(observer);
    this.#write('error', `A task observer threw, and is not reported again: ${errorText(error)}`);
  }

  traceLost(error: unknown): void {
    if (this.#isTraceBroken) return;
    this.#isTraceBroken = true;
    this.#write('error', `The trace of a task is lost, and this is not reported again: ${errorText(error)}`);
  }

  #write(level: 'error' | 'warn' | 'log', line: string, facts?: LogFacts): void {
    writeLine(this.#logger, level, line, facts);
  }
}

/** Describes a task for a structured log. `state`: the one that it is about to have. */
function factsOf(task: QueuedTask, scope: Described, state: string = task.state) {
  const { description } = task.leftScope?.origin ?? scope;
  const { id, name, attempts, stackTrace } = task;
  const place = firstFrame(stackTrace);
  const durationMs = task.state === 'running' ? performance.now() - task.startedAt : task.durationMs;
  return { id, name, state, attempt: attempts, durationMs, scope: description, ...(place !== undefined && { place }) };
}

function names(tasks: readonly QueuedTask[]): string {
  return tasks.map((task) => `"${task.name}"`).join(', ');
}

/** A request, unit of work or run of a handler. */
export interface Described {
  /** The words for it in a log line, such as `POST /users/:id`. */
  readonly description: string;
}

/** A disposer that threw, or took too long. */
export interface DisposalFailure {
  /** The name of the resource or provider. */
  readonly name: string;
  readonly error: unknown;
}

/** Work that a shutdown waits for. */
export interface Unfinished {
  readonly tasks: readonly QueuedTask[];
  /** Number of connections with a request. */
  readonly connections: number;
  /** Number of functions given to `TaskScopes.run()` that have not ended. */
  readonly units: number;
  /** The names of the resources and instances that are being disposed of. */
  readonly disposing: readonly string[];
}

/** Number of names in one log line. */
const MAX_NAMES = 10;

/** Lists the names of the tasks with their numbers, such as "sendMail ×3, audit". */
function countedNames(tasks: readonly QueuedTask[]): string {
  const counts = new Map<string, number>();
  for (const { name } of tasks) counts.set(name, (counts.get(name) ?? 0) + 1);
  const listed = [...counts].map(([name, count]) => (count === 1 ? name : `${name} ×${count}`));
  return [...listed.slice(0, MAX_NAMES), ...(listed.length > MAX_NAMES ? ['…'] : [])].join(', ');
}

function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

function seconds(ms: number): string {
  return `${Number((ms / 1_000).toFixed(1))} s`;
}
