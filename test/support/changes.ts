import { inTime } from './until.js';

/** Lets a test wait for what a change brings, without polling. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Says that something has changed. */
  tell(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves with what `find` returns once that is not undefined. */
  async until<T>(what: () => string, find: () => T | undefined): Promise<T> {
    const found = new Promise<T>((resolve) => {
      const look = () => {
        const result = find();
        if (result === undefined) return;
        this.#waiting.delete(look);
        resolve(result);
      };
      this.#waiting.add(look);
      look();
    });
    return inTime(what, found);
  }
}
