import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** Collects the rejections that nobody handled, until the test ends. */
export class UnhandledRejections {
  readonly #seen: unknown[] = [];

  constructor() {
    const listener = (reason: unknown) => void this.#seen.push(reason);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
  }

  /** How many there were. Node tells of them when the microtasks have run, so this takes a turn of the event loop. */
  async count(): Promise<number> {
    await setImmediate();
    return this.#seen.length;
  }
}
