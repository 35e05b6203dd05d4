import { beforeEach } from 'vitest';
import { inTime } from './until.js';

/** What happened, in order, for a test to wait on and to look at. */
export class Timeline {
  readonly events: string[] = [];
  readonly #waiting = new Set<() => void>();

  readonly note = (event: string): void => {
    this.events.push(event);
    for (const look of this.#waiting) look();
  };

  /** Resolves once the event has happened, that many times in all. */
  async until(event: string, times = 1): Promise<void> {
    const happened = new Promise<void>((resolve) => {
      const look = () => {
        if (this.count(event) < times) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    await inTime(() => `"${event}" has happened (${times}×); what has is ${JSON.stringify(this.events)}`, happened);
  }

  count(event: string): number {
    return this.events.filter((other) => other === event).length;
  }

  /** Forgets what has happened. */
  clear(): void {
    this.events.length = 0;
  }
}

/** A timeline for all tests of a file, empty at the start of each. */
export function useTimeline(): Timeline {
  const timeline = new Timeline();
  beforeEach(() => timeline.clear());
  return timeline;
}
