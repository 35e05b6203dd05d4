import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { InstanceUnderConstruction } from '../nest/instances.js';
import type { DisposableEntry, Rank } from './disposable-entry.js';
import { disposeInstance, isDisposable } from './disposer.js';

/** An instance that the injector constructs for one request. */
export class TrackedInstance implements DisposableEntry {
  readonly release = 'after-tasks';

  constructor(
    private readonly host: InstanceUnderConstruction,
    readonly rank: Rank,
    /** What has been given back already: two providers may share an instance. */
    private readonly disposed: Set<object>,
  ) {}

  /** In a half-built tree siblings are still under construction after the error was answered. */
  get built(): Promise<unknown> | undefined {
    return this.host.isPending ? this.host.donePromise : undefined;
  }

  dispose(outcome: TaskOutcome): unknown {
    const { instance, isConstructorCalled } = this.host;
    if (!isConstructorCalled || typeof instance !== 'object' || instance === null) return undefined;
    if (this.disposed.has(instance) || !isDisposable(instance)) return undefined;
    this.disposed.add(instance);
    return disposeInstance(instance, outcome);
  }
}
