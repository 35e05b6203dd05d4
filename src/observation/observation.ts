import type { TaskEventName } from '../contracts/task-events.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import { TaskObservers } from '../contracts/task-observers.js';
import { InvalidOptionError } from '../errors/errors.js';
import { providedByModule } from '../tasks/registration.js';
import { TaskEvent } from './task-event.js';

/** The observers of one application, and the events that they are told. */
export class Observation extends TaskObservers {
  readonly events: ObservedEvents;
  #observers: readonly TaskObserver[] = [];

  /** @param failed receives what an observer threw */
  constructor(observers: readonly TaskObserver[], failed: (observer: TaskObserver, error: unknown) => void) {
    super();
    this.events = {
      scopeOpened: new TaskEvent('scopeOpened', failed),
      handlerEnded: new TaskEvent('handlerEnded', failed),
      responseClosed: new TaskEvent('responseClosed', failed),
      scopeClosed: new TaskEvent('scopeClosed', failed),
      taskAccepted: new TaskEvent('taskAccepted', failed),
      taskStarted: new TaskEvent('taskStarted', failed),
      taskRetried: new TaskEvent('taskRetried', failed),
      taskProgressed: new TaskEvent('taskProgressed', failed),
      taskSettled: new TaskEvent('taskSettled', failed),
      batchFlushed: new TaskEvent('batchFlushed', failed),
      handedOver: new TaskEvent('handedOver', failed),
      resourceAcquired: new TaskEvent('resourceAcquired', failed),
      resourceReleased: new TaskEvent('resourceReleased', failed),
      drainBegun: new TaskEvent('drainBegun', failed),
      drainEnded: new TaskEvent('drainEnded', failed),
      backendLost: new TaskEvent('backendLost', failed),
      backendBack: new TaskEvent('backendBack', failed),
    };
    this.#become(observers);
  }

  /** @throws INVALID_OPTION */
  override add(observer: TaskObserver): () => void {
    if (typeof observer !== 'object' || observer === null)
      throw new InvalidOptionError('observer', observer, 'Give an object that implements TaskObserver.');
    const others = () => this.#observers.filter((other) => other !== observer);
    this.#become([...others(), observer]);
    return () => this.#become(others());
  }

  #become(observers: readonly TaskObserver[]): void {
    this.#observers = observers;
    for (const event of Object.values(this.events)) event.observers = observers;
  }
}

/** Every kind of event by its name. */
export type ObservedEvents = { readonly [Name in TaskEventName]: TaskEvent<Name> };

providedByModule(TaskObservers);
