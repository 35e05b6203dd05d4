import { Logger } from '@nestjs/common';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { errorText } from '../execution/error-text.js';
import { withoutPasswords } from './server/failure-reason.js';
import type { NewJob } from './server/job-server.js';
import { saysLockLost } from './worker/lock-lost.js';

/** A name from outside is remembered so that it is logged once; so many of them are. */
const MAX_NAMES = 1_000;

/** How many tasks one line names. */
const MAX_LISTED = 20;

/** Every line that this entry point logs. Names and ids only: payloads never reach a log. */
export class BullMqLog {
  readonly #logger = new Logger('BullMqBackgroundTasks');
  readonly #unknownNames = new Set<string>();
  #outageSince: number | undefined;
  #lastWorkerError: string | undefined;

  constructor(
    private readonly kind: string,
    private readonly runsHereInstead = false,
  ) {}

  /** One line for each outage, however many errors it brings. */
  outageBegan(reason: string): void {
    if (this.#outageSince !== undefined) return;
    this.#outageSince = performance.now();
    const instead = this.runsHereInstead ? 'run in this process' : 'are refused with 503';
    this.#logger.error(`${this.kind} takes no tasks (${reason}): they ${instead} until it does.`);
  }

  outageEnded(): void {
    this.#lastWorkerError = undefined;
    if (this.#outageSince === undefined) return;
    this.#logger.log(`${this.kind} takes tasks again, after ${seconds(performance.now() - this.#outageSince)} s.`);
    this.#outageSince = undefined;
  }

  withdrawn(withdrawn: readonly NewJob[], started: readonly NewJob[]): void {
    const meanwhile = this.runsHereInstead ? 'run in this process' : 'reported as failed';
    if (withdrawn.length > 0) {
      this.#logger.warn(
        `Withdrew ${withdrawn.length} task(s) that had arrived after they were ${meanwhile}: ${list(tasksOf(withdrawn))}.`,
      );
    }
    if (started.length > 0) {
      this.#logger.error(
        `${started.length} task(s) were ${meanwhile}, and have been started by a worker all the same: ${list(tasksOf(started))}.`,
      );
    }
  }

  unknownTask(name: string, reason: string): void {
    if (this.#unknownNames.has(name) || this.#unknownNames.size >= MAX_NAMES) return;
    this.#unknownNames.add(name);
    this.#logger.warn(
      `Task "${name}" goes back to the queue, for a worker that knows it: ${reason}. This is not logged again.`,
    );
  }

  malformedJob(id: string | undefined, problem: string): void {
    this.#logger.error(
      `Job ${id === undefined ? 'without an id' : shownId(id)} is no task of ours, and is kept as failed: ${problem}.`,
    );
  }

  leftToOthers(name: string, id: string): void {
    this.#logger.warn(`Task "${name}" (id ${shownId(id)}) was stopped by the shutdown, and is left to another worker.`);
  }

  cutOff(ids: readonly string[]): void {
    this.#logger.error(
      `Shutdown left ${ids.length} task(s) running; another worker begins them again: ${ids.map(shownId).join(', ')}.`,
    );
  }

  stoodStill(forMs: number, lockDurationMs: number, tasks: readonly TaskEnvelope[]): void {
    this.#logger.warn(
      `The event loop stood still for ${seconds(forMs)} s, and a lock lasts ${seconds(lockDurationMs)} s: another worker may run ` +
        `what ran here, ${list(tasks)}. Compute in a thread, or raise worker.lockDurationMs.`,
    );
  }

  lockLost({ name, id }: TaskEnvelope): void {
    this.#logger.error(
      `Task "${name}" (id ${shownId(id)}) lost its lock while it ran here, and its result does not count: another worker has it, or begins it again.`,
    );
  }

  /** What the loss of the connection causes is told by {@link outageBegan}, that of a lock by {@link lockLost}; what repeats itself is told once. */
  workerError(error: unknown): void {
    if (saysLockLost(error)) return;
    const text = withoutPasswords(errorText(error));
    if (this.#outageSince !== undefined || isLostConnection(error) || text === this.#lastWorkerError) return;
    this.#lastWorkerError = text;
    this.#logger.error(`The worker met an error, and goes on: ${text}`);
  }
}

const LOST = /^(E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|AI_AGAIN|NOTFOUND)|08|57P)/;

function isLostConnection(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return (
    (typeof code === 'string' && LOST.test(code)) || /connection (is closed|terminated|lost)/i.test(String(message))
  );
}

/** Whoever can write to the server chose it: on a line of its own it would pass for a line of ours. */
function shownId(id: string): string {
  return /^[\w:.-]{1,200}$/.test(id) ? id : JSON.stringify(id.slice(0, 200));
}

function tasksOf(jobs: readonly NewJob[]): TaskEnvelope[] {
  return jobs.map(({ data }) => data);
}

function list(tasks: readonly TaskEnvelope[]): string {
  const named = tasks.slice(0, MAX_LISTED).map(({ name, id }) => `"${name}" (id ${shownId(id)})`);
  if (tasks.length > MAX_LISTED) named.push(`${tasks.length - MAX_LISTED} more`);
  return named.join(', ');
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
