import type { TaskEventName, TaskEvents, TaskObserver } from '../../src/index.js';
import { Timeline } from './timeline.js';

const EVENT: Readonly<Record<TaskEventName, true>> = {
  scopeOpened: true,
  handlerEnded: true,
  responseClosed: true,
  scopeClosed: true,
  taskAccepted: true,
  taskStarted: true,
  taskRetried: true,
  taskProgressed: true,
  taskSettled: true,
  batchFlushed: true,
  handedOver: true,
  resourceAcquired: true,
  resourceReleased: true,
  drainBegun: true,
  drainEnded: true,
  backendLost: true,
  backendBack: true,
};

/** The name of every event. */
export const eventNames = Object.keys(EVENT) as readonly TaskEventName[];

/** Keeps every event that it is told. */
export class RecordedEvents {
  readonly #events: { readonly name: TaskEventName; readonly event: unknown }[] = [];
  readonly #timeline = new Timeline();
  readonly observer = Object.fromEntries(
    eventNames.map((name) => [name, (event: unknown) => this.record(name, event)]),
  ) as TaskObserver;

  record(name: TaskEventName, event: unknown): void {
    this.#events.push({ name, event });
    this.#timeline.note(name);
  }

  get names(): TaskEventName[] {
    return this.#events.map(({ name }) => name);
  }

  get all(): readonly { readonly at: number }[] {
    return this.#events.map(({ event }) => event as { readonly at: number });
  }

  of<Name extends TaskEventName>(name: Name): TaskEvents[Name][] {
    return this.#events.filter((each) => each.name === name).map(({ event }) => event as TaskEvents[Name]);
  }

  /** Resolves once there have been that many events of that name. */
  until(name: TaskEventName, times = 1): Promise<void> {
    return this.#timeline.until(name, times);
  }
}
