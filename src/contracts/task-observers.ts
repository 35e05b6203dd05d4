import type { TaskObserver } from './task-observer.js';

/**
 * The observers of an application. Inject it to add one that is a provider; `forRoot({ observers })` takes those that are
 * none.
 */
export abstract class TaskObservers {
  /** Tells the observer of everything from now on, once if it is added twice. Returns a function that ends that. */
  abstract add(observer: TaskObserver): () => void;
}
