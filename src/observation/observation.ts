import type { TaskEventName } from '../contracts/task-events.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import { TaskObservers } from '../contracts/task-observers.js';
import { InvalidOptionError } from '../errors/errors.js';
import { providedByModule } from '../tasks/registration.js';
import { type Audience, TaskEvent } from './task-event.js';

/** The observers of one application, and the events that they are told. */
export class Observation extends TaskObservers implements Audience {
  observers: readonly TaskObserver[];
  readonly events: ObservedEvents = {
    scopeOpened: new TaskEvent('scopeOpened', this),
    handlerEnded: new TaskEvent('handlerEnded', this),
    responseClosed: new TaskEvent('responseClosed', this),
    scopeClosed: new TaskEvent('scopeClosed', this),
    taskAccepted: new TaskEvent('taskAccepted', this),
    taskStarted: new TaskEvent('taskStarted', this),
    taskRetried: new TaskEvent('taskRetried', this),
    taskProgressed: new TaskEvent('taskProgressed', this),
    taskSettled: new TaskEvent('taskSettled', this),
    handedOver: new TaskEvent('handedOver', this),
    resourceAcquired: new TaskEvent('resourceAcquired', this),
    resourceReleased: new TaskEvent('resourceReleased', this),
    drainBegun: new TaskEvent('drainBegun', this),
    drainEnded: new TaskEvent('drainEnded', this),
    backendLost: new TaskEvent('backendLost', this),
    backendBack: new TaskEvent('backendBack', this),
  };

  constructor(
    observers: readonly TaskObserver[],
    /** Called with each error of an observer. */
    readonly failed: Audience['failed'],
  ) {
    super();
    this.observers = observers;
  }

  /** @throws INVALID_OPTION */
  override add(observer: TaskObserver): () => void {
    if (typeof observer !== 'object' || observer === null)
      throw new InvalidOptionError('observer', observer, 'Give an object that implements TaskObserver.');
    this.observers = [...this.observers, observer];
    return () => (this.observers = this.observers.filter((other) => other !== observer));
  }
}

/** Every kind of event by its name. */
export type ObservedEvents = { readonly [Name in TaskEventName]: TaskEvent<Name> };

providedByModule(TaskObservers);
