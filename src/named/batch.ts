import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { JsonValue } from '../contracts/task-envelope.js';
import type { BatchContext, TaskContext } from '../contracts/task-context.js';
import type { BatchError } from '../errors/named-task-errors.js';
import type { TaskAttempt } from '../execution/task-attempt.js';
import { SUCCESS } from '../scope/outcome.js';

/** Attempts of tasks that run together, as their handler sees them through `REQUEST` and `currentTask()`. */
export class Batch implements BatchContext {
  readonly id = randomUUID();
  readonly attempt = 1;
  readonly outcome = SUCCESS;
  readonly #members: Member[] = [];
  readonly #controller = new AbortController();
  #aborted = 0;
  #givenUp = 0;
  #giveUp: ((reason: unknown) => void) | undefined;
  #inContext: (callback: () => void) => void = (callback) => callback();

  constructor(
    readonly name: string,
    readonly context: JsonValue | undefined,
  ) {}

  get size(): number {
    return this.#members.length;
  }

  get batch(): readonly TaskContext[] {
    return this.#members.map(({ attempt }) => attempt);
  }

  /** The attempts, with what observers know of their tasks. */
  get attempts(): readonly TaskAttempt[] {
    return this.#members.map(({ attempt }) => attempt);
  }

  get payloads(): readonly unknown[] {
    return this.#members.map(({ payload }) => payload);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  progress(value: unknown): void {
    for (const { attempt } of this.#members) attempt.progress(value);
  }

  /** Adds an attempt. Settles as the batch does for it. */
  join(attempt: TaskAttempt, payload: unknown): Promise<void> {
    const { signal } = attempt;
    if (signal.aborted) this.#aborted++;
    else signal.addEventListener('abort', () => this.#memberAborted(signal.reason), { once: true });
    attempt.givenUp.catch((reason: unknown) => this.#memberGivenUp(reason));
    return new Promise((resolve, reject) => this.#members.push({ attempt, payload, resolve, reject }));
  }

  /** Has the listeners of the signal run in the async context of this call. */
  abortHere(): void {
    this.#inContext = AsyncLocalStorage.snapshot();
    if (this.#aborted === this.size) this.#controller.abort(this.#members[0]!.attempt.signal.reason);
  }

  /** Rejects once nobody waits for any of the attempts any more. */
  get givenUp(): Promise<never> {
    return new Promise((_resolve, reject) => (this.#giveUp = reject));
  }

  /** Whether there is a payload at each of these indexes. */
  hasAll(indexes: ReadonlyMap<number, unknown>): boolean {
    return [...indexes.keys()].every((index) => index < this.size);
  }

  /** Ends the attempts: those that the error names fail. */
  end(error?: BatchError): void {
    for (const [index, member] of this.#members.entries()) {
      if (error?.failures.has(index)) member.reject(error.failures.get(index));
      else member.resolve();
    }
  }

  fail(error: unknown): void {
    for (const member of this.#members) member.reject(error);
  }

  #memberAborted(reason: unknown): void {
    if (++this.#aborted === this.size) this.#inContext(() => this.#controller.abort(reason));
  }

  #memberGivenUp(reason: unknown): void {
    if (++this.#givenUp === this.size) this.#giveUp?.(reason);
  }
}

interface Member {
  readonly attempt: TaskAttempt;
  readonly payload: unknown;
  resolve(): void;
  reject(error: unknown): void;
}
