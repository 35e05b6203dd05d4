import { Logger } from '@nestjs/common';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { safely } from '../errors/safely.js';
import { errorText } from '../execution/error-text.js';
import { type LogFacts, writeLine } from '../execution/log-line.js';
import { failureReason, withoutPasswords } from './server/failure-reason.js';

/** The log lines of this entry point. They show names and ids, and never a payload. */
export class BullMqLog {
  readonly #logger = new Logger('BullMqBackgroundTasks');
  readonly #unknownNames = new Set<string>();
  readonly #refused = new Set<string>();
  #outageSince: number | undefined;
  /** The moment at which each error of the worker was logged. */
  readonly #workerErrors = new Map<string, number>();

  constructor(
    private readonly kind: string,
    private readonly fallsBack: boolean,
  ) {}

  /** Logs one line for each outage, however many errors it brings. */
  outageBegan(reason: string): void {
    if (this.#outageSince !== undefined) return;
    this.#outageSince = performance.now();
    const instead = this.fallsBack ? 'run in this process' : 'are refused with 503';
    this.#write('error', `${this.kind} takes no tasks (${reason}): they ${instead} until it does.`);
  }

  outageEnded(): void {
    this.#workerErrors.clear();
    if (this.#outageSince === undefined) return;
    this.#write('log', `${this.kind} takes tasks again, after ${seconds(performance.now() - this.#outageSince)} s.`);
    this.#outageSince = undefined;
  }

  /** Logs which tasks a crash of this process would lose. */
  fellBack(names: readonly string[]): void {
    const tasks = names.map((name) => `"${name}"`).join(', ');
    this.#write(
      'warn',
      `${this.kind} takes no tasks, so these run in this process and are lost in a crash: ${tasks}.`,
      {
        tasks: names.map((name) => ({ name })),
      },
    );
  }

  /** Logs each of these sentences once. */
  refused(sentences: readonly string[]): void {
    for (const sentence of sentences) {
      if (this.#refused.has(sentence) || this.#refused.size >= MAX_NAMES) continue;
      this.#refused.add(sentence);
      this.#write('warn', `${withoutPasswords(sentence)} This is not logged again.`);
    }
  }

  unknownTask(name: string, reason: string): void {
    if (this.#unknownNames.has(name) || this.#unknownNames.size >= MAX_NAMES) return;
    this.#unknownNames.add(name);
    this.#write(
      'warn',
      `Task "${name}" goes back to the queue, for a worker that knows it: ${reason}. This is not logged again.`,
      { task: { name } },
    );
  }

  malformedJob(id: string | undefined, problem: string): void {
    this.#write(
      'error',
      `Job ${id === undefined ? 'without an id' : printableId(id)} is no task of ours, and is kept as failed: ` +
        `${problem}.`,
    );
  }

  /** Logs once for each schedule that it is not set yet. */
  scheduleWaits(id: string, reason: string): void {
    this.refused([`Schedule ${printableId(id)} is not set yet, and is tried again: ${reason}.`]);
  }

  /** Logs that the schedules of a module that was loaded lazily are wrong. */
  scheduleRefused(error: unknown): void {
    this.#write('error', `The schedules of a module are not set: ${failureReason(error)}.`);
  }

  leftToOthers({ name, id }: TaskEnvelope): void {
    this.#write(
      'warn',
      `Task "${name}" (id ${printableId(id)}) was stopped by the shutdown, and is left to another worker.`,
      { task: { id, name } },
    );
  }

  cutOff(ids: readonly string[]): void {
    this.#write(
      'error',
      `Shutdown left ${ids.length} task(s) running; another worker begins them again: ` +
        `${ids.map(printableId).join(', ')}.`,
      { tasks: ids.map((id) => ({ id })) },
    );
  }

  eventLoopBlocked(forMs: number, lockDurationMs: number, tasks: readonly TaskEnvelope[]): void {
    this.#write(
      'warn',
      `The event loop was blocked for ${seconds(forMs)} s, and a lock lasts ${seconds(lockDurationMs)} s: another ` +
        `worker may run what ran here, ${list(tasks)}. Compute in a thread, or raise worker.lockDurationMs.`,
      { tasks: tasks.map(({ id, name }) => ({ id, name })) },
    );
  }

  lockLost({ name, id }: TaskEnvelope): void {
    this.#write(
      'error',
      `Task "${name}" (id ${printableId(id)}) lost its lock while it ran here, and its result does not count: ` +
        'another worker has it, or begins it again.',
      { task: { id, name } },
    );
  }

  /**
   * Logs an error once an hour: a server that refuses a command does so each time. {@link outageBegan} reports
   * an outage.
   */
  workerError(error: unknown): void {
    if (this.#outageSince !== undefined || isLostConnection(error)) return;
    const reason = failureReason(error);
    const [loggedAt, now] = [this.#workerErrors.get(reason), performance.now()];
    if (loggedAt !== undefined && now - loggedAt < LOG_AGAIN_MS) return;
    if (this.#workerErrors.size >= MAX_NAMES) this.#workerErrors.clear();
    this.#workerErrors.set(reason, now);
    this.#write('error', `The worker met an error, and goes on: ${withoutPasswords(errorText(error))}`);
  }

  #write(level: 'error' | 'log' | 'warn', line: string, facts?: LogFacts): void {
    writeLine(this.#logger, level, line, facts);
  }
}

const LOST_CONNECTION = /^(E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|AI_AGAIN|NOTFOUND)|08|57P)/;

function isLostConnection(error: unknown): boolean {
  return safely(() => {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    const hasCode = typeof code === 'string' && LOST_CONNECTION.test(code);
    return hasCode || /connection (is closed|terminated|lost)/i.test(String(message));
  }, false);
}

/** Quotes an unusual id: with a line break in it, somebody who can write to the server could forge a log line. */
function printableId(id: string): string {
  return /^[\w:.-]{1,200}$/.test(id) ? id : JSON.stringify(id.slice(0, 200));
}

function list(tasks: readonly TaskEnvelope[]): string {
  const named = tasks.slice(0, MAX_LISTED).map(({ name, id }) => `"${name}" (id ${printableId(id)})`);
  if (tasks.length > MAX_LISTED) named.push(`${tasks.length - MAX_LISTED} more`);
  return named.join(', ');
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

/** Unknown names, refusals or errors that are remembered, so that they are not logged each time. */
const MAX_NAMES = 1_000;

/** Milliseconds until the same error of a worker is logged again. */
const LOG_AGAIN_MS = 3_600_000;

/** Tasks that one line names. */
const MAX_LISTED = 20;
