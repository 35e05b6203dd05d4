import { type Channel, channel } from 'node:diagnostics_channel';
import type { TaskEventName, TaskEvents } from '../contracts/task-events.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import { isPromise } from '../errors/safely.js';
import { epochMs } from './clock.js';

/** One kind of event of one application: tells the observers and publishes on the channel. */
export class TaskEvent<Name extends TaskEventName> {
  /** Every event has them: where a task passes, the way to a common list would cost more than the rest. */
  observers: readonly TaskObserver[] = [];
  readonly #channel: Channel;

  constructor(
    private readonly name: Name,
    /** Receives what an observer threw. */
    private readonly failed: (observer: TaskObserver, error: unknown) => void,
  ) {
    this.#channel = channel(`nestjs-background-tasks:${name}`);
  }

  /** Whether anybody listens. To be asked first: without listeners nothing is made to be told. */
  get isHeard(): boolean {
    return this.observers.length > 0 || this.#channel.hasSubscribers;
  }

  /** Tells everybody. The object becomes the event: to copy it would cost more than all the rest. */
  tell(facts: Omit<TaskEvents[Name], 'at'>): void {
    const event: typeof facts & { at?: number } = facts;
    event.at = epochMs();
    for (const observer of this.observers) {
      try {
        const told: unknown = (observer as Partial<Record<string, (told: unknown) => unknown>>)[this.name]?.(event);
        // The interface allows async methods as well.
        if (told !== undefined && isPromise(told)) told.catch((error: unknown) => this.failed(observer, error));
      } catch (error) {
        this.failed(observer, error);
      }
    }
    if (this.#channel.hasSubscribers) this.#channel.publish(event);
  }
}
