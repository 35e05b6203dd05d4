import { type Channel, channel } from 'node:diagnostics_channel';
import type { TaskEventName, TaskEvents } from '../contracts/task-events.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import { isPromise } from '../errors/safely.js';
import { epochMs } from './clock.js';

/** One kind of event of one application: tells the observers and publishes on the channel. */
export class TaskEvent<Name extends TaskEventName> {
  readonly #channel: Channel;

  constructor(
    private readonly name: Name,
    private readonly audience: Audience,
  ) {
    this.#channel = channel(`nestjs-background-tasks:${name}`);
  }

  /** Whether anybody listens. To be asked first: without an audience nothing is made to be told. */
  get isHeard(): boolean {
    return this.audience.observers.length > 0 || this.#channel.hasSubscribers;
  }

  tell(facts: Omit<TaskEvents[Name], 'at'>): void {
    const event = { at: epochMs(), ...facts };
    for (const observer of this.audience.observers) {
      try {
        const told: unknown = (observer as Partial<Record<string, (told: unknown) => unknown>>)[this.name]?.(event);
        // The interface allows async methods as well.
        if (isPromise(told)) told.catch((error: unknown) => this.audience.failed(observer, error));
      } catch (error) {
        this.audience.failed(observer, error);
      }
    }
    this.#channel.publish(event);
  }
}

/** Those who are told. */
export interface Audience {
  readonly observers: readonly TaskObserver[];
  /** Receives what an observer threw. */
  failed(observer: TaskObserver, error: unknown): void;
}
