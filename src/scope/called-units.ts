import { Injectable } from '@nestjs/common';
import { isPromise, isStream } from '../errors/safely.js';
import { type ListMember, UnorderedList } from '../execution/unordered-list.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { asyncContext } from '../tasks/async-context.js';
import { providedByModule } from '../tasks/registration.js';
import type { CalledUnit } from './called-unit.js';
import { whileRead } from './while-read.js';

/** Runs what is no HTTP request, and knows what is running. */
@Injectable()
export class CalledUnits {
  readonly #running = new UnorderedList<ListMember>();
  readonly #onEnded = new Set<() => void>();
  /** Resolves the BackgroundTasks that a test has put in place of ours; absent if none has. */
  overriddenTasks: ((unit: CalledUnit) => BackgroundTasks | Promise<BackgroundTasks>) | undefined;

  /**
   * Calls a handler as one unit. Returns what it returns: a promise of a value, or of an Observable of answers. The
   * tasks of the unit run when the last answer has left, and its resources are released then.
   */
  async run(unit: CalledUnit, handler: () => unknown): Promise<unknown> {
    return this.call(unit, handler);
  }

  /** Does the same, at once if the handler is synchronous. */
  call(unit: CalledUnit, handler: () => unknown): unknown {
    const tasks = this.overriddenTasks?.(unit);
    // Those that a test has made request-scoped have to be built first.
    if (isPromise(tasks)) return tasks.then((built) => this.#call(unit, handler, built));
    return this.#call(unit, handler, tasks);
  }

  /**
   * Calls a handler that can ask for nothing of ours, so it needs no unit. A shutdown waits for its answer all the same.
   * `ended` is called a turn of the event loop after the answer.
   */
  callPlain(handler: () => unknown, ended?: () => void): unknown {
    const running: ListMember = { listIndex: -1 };
    this.#running.add(running);
    const end = () => {
      setImmediate(() => {
        this.#leave(running);
        ended?.();
      });
    };
    let result: unknown;
    try {
      // One handler of an event is called by the one before it, whose unit is not its own.
      result = asyncContext.getStore() ? asyncContext.run(undefined, handler) : handler();
    } catch (error) {
      end();
      throw error;
    }
    if (!isPromise(result)) return isStream(result) ? whileRead(result, end) : endWith(result, end);
    return result.then(
      (value) => (isStream(value) ? whileRead(value, end) : endWith(value, end)),
      (error: unknown) => {
        end();
        throw error;
      },
    );
  }

  #call(unit: CalledUnit, handler: () => unknown, tasksOverride: BackgroundTasks | undefined): unknown {
    unit.tasksOverride = tasksOverride;
    this.#running.add(unit);
    let result: unknown;
    try {
      result = unit.runInContext(handler);
    } catch (error) {
      const failing = unit.fail(error);
      this.#answered(unit);
      if (!failing) throw error;
      return failing.then((failure) => {
        throw failure.error;
      });
    }
    return isPromise(result) ? this.#whenReturned(unit, result) : this.#returned(unit, result);
  }

  async #whenReturned(unit: CalledUnit, promise: Promise<unknown>): Promise<unknown> {
    let result: unknown;
    try {
      result = await promise;
    } catch (error) {
      const failure = await unit.fail(error);
      this.#answered(unit);
      throw failure ? failure.error : error;
    }
    return this.#returned(unit, result);
  }

  #returned(unit: CalledUnit, result: unknown): unknown {
    if (isStream(result)) return whileRead(result, () => this.#answered(unit));
    this.#answered(unit);
    return result;
  }

  /** The number of handlers that have not been answered. */
  get size(): number {
    return this.#running.size;
  }

  /** Resolves once all that run now have been answered. */
  async whenAnswered(): Promise<void> {
    const running = this.#running.toArray();
    while (running.some(({ listIndex }) => listIndex !== -1)) {
      await new Promise<void>((resolve) => this.#onEnded.add(resolve));
    }
  }

  /** The answer is written after the handler has returned, so the tasks begin a turn of the event loop later. */
  #answered(unit: CalledUnit): void {
    unit.markAnswered();
    setImmediate(() => {
      unit.answerLeft();
      const handled = unit.whenHandled();
      if (handled) void handled.then(() => this.#end(unit));
      else this.#end(unit);
    });
  }

  #end(unit: CalledUnit): void {
    this.#leave(unit);
    unit.end();
  }

  #leave(running: ListMember): void {
    this.#running.delete(running);
    if (this.#onEnded.size === 0) return;
    const callbacks = [...this.#onEnded];
    this.#onEnded.clear();
    for (const callback of callbacks) callback();
  }
}

function endWith<T>(value: T, end: () => void): T {
  end();
  return value;
}

providedByModule(CalledUnits);
