import { Logger } from '@nestjs/common';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { safely } from '../errors/safely.js';
import { errorText } from '../execution/error-text.js';
import { writeLine } from '../execution/log-line.js';
import { withoutPasswords } from './server/failure-reason.js';
import { isLockLost } from './worker/bullmq-worker.js';

/** The log lines of this entry point. They show names and ids, and never a payload. */
export class BullMqLog {
  readonly #logger = new Logger('BullMqBackgroundTasks');
  readonly #unknownNames = new Set<string>();
  #outageSince: number | undefined;
  #lastWorkerError: string | undefined;

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
    this.#lastWorkerError = undefined;
    if (this.#outageSince === undefined) return;
    this.#write('log', `${this.kind} takes tasks again, after ${seconds(performance.now() - this.#outageSince)} s.`);
    this.#outageSince = undefined;
  }

  unknownTask(name: string, reason: string): void {
    if (this.#unknownNames.has(name) || this.#unknownNames.size >= MAX_NAMES) return;
    this.#unknownNames.add(name);
    this.#write(
      'warn',
      `Task "${name}" goes back to the queue, for a worker that knows it: ${reason}. This is not logged again.`,
    );
  }

  malformedJob(id: string | undefined, problem: string): void {
    this.#write(
      'error',
      `Job ${id === undefined ? 'without an id' : printableId(id)} is no task of ours, and is kept as failed: ` +
        `${problem}.`,
    );
  }

  leftToOthers({ name, id }: TaskEnvelope): void {
    this.#write(
      'warn',
      `Task "${name}" (id ${printableId(id)}) was stopped by the shutdown, and is left to another worker.`,
    );
  }

  cutOff(ids: readonly string[]): void {
    this.#write(
      'error',
      `Shutdown left ${ids.length} task(s) running; another worker begins them again: ` +
        `${ids.map(printableId).join(', ')}.`,
    );
  }

  eventLoopBlocked(forMs: number, lockDurationMs: number, tasks: readonly TaskEnvelope[]): void {
    this.#write(
      'warn',
      `The event loop was blocked for ${seconds(forMs)} s, and a lock lasts ${seconds(lockDurationMs)} s: another ` +
        `worker may run what ran here, ${list(tasks)}. Compute in a thread, or raise worker.lockDurationMs.`,
    );
  }

  lockLost({ name, id }: TaskEnvelope): void {
    this.#write(
      'error',
      `Task "${name}" (id ${printableId(id)}) lost its lock while it ran here, and its result does not count: ` +
        'another worker has it, or begins it again.',
    );
  }

  /** Logs an error unless it is the last one again, or {@link outageBegan} or {@link lockLost} reports it. */
  workerError(error: unknown): void {
    if (isLockLost(error)) return;
    const text = withoutPasswords(errorText(error));
    if (this.#outageSince !== undefined || isLostConnection(error) || text === this.#lastWorkerError) return;
    this.#lastWorkerError = text;
    this.#write('error', `The worker met an error, and goes on: ${text}`);
  }

  #write(level: 'error' | 'log' | 'warn', line: string): void {
    writeLine(this.#logger, level, line);
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

/** Unknown names that are remembered, so that each is logged once. */
const MAX_NAMES = 1_000;

/** Tasks that one line names. */
const MAX_LISTED = 20;
