import type { LoggerService } from '@nestjs/common';
import { Changes } from './changes.js';

/** Keeps what an application logs, for a test to look at. */
export class RecordedLogs implements LoggerService {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  /** What this package says at the level `log`. Nest's own lines are left out. */
  readonly lines: string[] = [];
  readonly #changes = new Changes();

  log(message: unknown, ...rest: unknown[]): void {
    if (rest.at(-1) === 'BackgroundTasks') this.#keep(this.lines, message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#keep(this.errors, message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#keep(this.warnings, message, rest);
  }

  /** Resolves once a line of this level begins with these words. */
  async until(level: 'lines' | 'warnings' | 'errors', words: string): Promise<void> {
    await this.#changes.until(
      () => `a line begins with "${words}"; logged were:\n${this[level].join('\n')}`,
      () => this[level].find((line) => line.startsWith(words)),
    );
  }

  #keep(kept: string[], message: unknown, rest: readonly unknown[]): void {
    kept.push([message, ...rest].map(String).join(' '));
    this.#changes.tell();
  }
}
