import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { EndedTask } from '../contracts/ended-task.js';
import type { ResolvedRetry } from '../contracts/retry-options.js';
import type { EnqueuedTask, NamedTaskResult } from '../contracts/task-backend.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TaskReport } from '../contracts/task-report.js';
import { UnknownTaskError } from '../errors/named-task-errors.js';
import { NotRegisteredError } from '../errors/set-up-errors.js';
import { backoffMs } from '../execution/backoff.js';
import { isProvided } from '../nest/missing-providers.js';
import type { HandlerRunner } from '../named/handler-runner.js';
import { NamedTasks } from '../named/named-tasks.js';
import { reportedError } from '../named/reported-value.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { REGISTRATION } from '../tasks/registration.js';

/** Runs recorded tasks by the handlers of an application, as a worker of a backend does, but one after another. */
export class RecordedWorker {
  readonly #runner: HandlerRunner;
  readonly #retry: ResolvedRetry | undefined;
  readonly #takeFailures: () => void;
  /** The reports of the tasks that have run, by their ids. */
  readonly reports = new Map<string, TaskReport>();

  /** @throws NOT_REGISTERED */
  constructor(
    app: INestApplicationContext,
    /** The ends of the tasks that have run, which the last one of a group is given. */
    private readonly ends: Map<string, EndedTask>,
    private readonly isCancelled: (id: string) => boolean,
  ) {
    if (!isProvided(app.get(ModulesContainer), NamedTasks)) {
      throw new NotRegisteredError(
        'runAll({ app }) needs BackgroundTasksModule, which is not registered',
        REGISTRATION,
      );
    }
    const { engine } = app.get(RequestScopes, { strict: false });
    this.#runner = app.get(NamedTasks, { strict: false }).runner;
    this.#retry = engine.options.retry;
    // Or settled() would report them again.
    this.#takeFailures = () => void engine.ledger.takeFailures(({ id }) => this.reports.has(id));
  }

  /** Throws unless there is a handler for each of the tasks. @throws UNKNOWN_TASK */
  check(tasks: readonly EnqueuedTask[]): void {
    const unknown = tasks.find(({ envelope }) => !this.#runner.names.has(envelope.name));
    if (unknown) throw new UnknownTaskError(unknown.envelope.name);
  }

  /** Runs the first task of a list, with those of its batch. Calls `attempted` after each attempt. */
  async runFirst(tasks: readonly EnqueuedTask[], attempted: (outcome: TaskOutcome) => Promise<void>): Promise<void> {
    const [first] = tasks;
    const { batch, envelope } = first!;
    const ofBatch = tasks.filter((task) => task.envelope.name === envelope.name).slice(0, batch?.maxSize);
    let due = batch ? ofBatch : [first!];
    for (let attempt = 1; due.length > 0; attempt++) {
      const results = await this.#attempt(due, attempt);
      for (const [index, task] of due.entries()) this.#keep(task, results[index]!);
      await attempted(outcomeOf(results));
      due = due.filter((task, index) => hasFailed(results[index]!) && attempt < this.#retryOf(task).attempts);
      const waitMs = Math.max(0, ...due.map((task) => backoffMs(attempt, this.#retryOf(task))));
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    this.#takeFailures();
  }

  #attempt(tasks: readonly EnqueuedTask[], number: number): Promise<NamedTaskResult[]> {
    const running = tasks.map((task) =>
      this.#runner.run(task.envelope, {
        number,
        progressed: () => undefined,
        willRetry: () => number < this.#retryOf(task).attempts,
        group: task.envelope.context.group?.map(({ id, name }) => this.#endOf(id, name)),
      }),
    );
    this.#runner.beginBatches();
    return Promise.all(running);
  }

  #keep({ envelope: { id, name } }: EnqueuedTask, { report, result }: NamedTaskResult): void {
    this.reports.set(id, report);
    const { state } = report;
    if (state === 'succeeded') this.ends.set(id, { id, name, state, ...(result !== undefined && { result }) });
    else if (state === 'cancelled') this.ends.set(id, { id, name, state });
    else this.ends.set(id, { id, name, state: 'failed', error: reportedError(report.error) });
  }

  #endOf(id: string, name: string): EndedTask {
    return this.ends.get(id) ?? { id, name, state: this.isCancelled(id) ? 'cancelled' : 'discarded' };
  }

  #retryOf({ retry }: EnqueuedTask): ResolvedRetry {
    return retry ?? this.#retry ?? NO_RETRY;
  }
}

const NO_RETRY: ResolvedRetry = { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 };

function hasFailed({ report: { state } }: NamedTaskResult): boolean {
  return state !== 'succeeded' && state !== 'cancelled';
}

/** The outcome for the tasks that a handler has added. */
function outcomeOf(results: readonly NamedTaskResult[]): TaskOutcome {
  const failed = results.filter(hasFailed);
  if (failed.length < results.length) return { succeeded: true, aborted: false };
  return { succeeded: false, aborted: false, error: failed[0]!.report.error };
}
