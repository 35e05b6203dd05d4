import { beforeEach } from 'vitest';
import { Changes } from './changes.js';

/** What happened, in order, for a test to wait on and to look at. */
export class Timeline {
  readonly events: string[] = [];
  readonly #changes = new Changes();

  readonly note = (event: string): void => {
    this.events.push(event);
    this.#changes.tell();
  };

  /** Resolves once the event has happened, that many times in all. */
  async until(event: string, times = 1): Promise<void> {
    const what = () => `"${event}" has happened (${times}×); what has is ${JSON.stringify(this.events)}`;
    await this.#changes.until(what, () => this.count(event) >= times || undefined);
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
