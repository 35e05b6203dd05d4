import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Transaction } from '../contracts/transaction.js';
import { ResourceYieldedNothingError, ResourceYieldedTwiceError } from '../errors/errors.js';
import { isPromise, whenSettled } from '../errors/safely.js';
import { isThenable } from '../execution/task-result.js';
import type { CompiledResource } from './compiled-resource.js';
import type { Rank } from './disposal-plan.js';

/** A resource of one request, from the call of its factory until it is given back. */
export class AcquiredResource {
  #generator: AnyGenerator | undefined;
  #value: unknown;
  #isAcquired = false;
  #construction: Promise<unknown> | undefined;
  /** Value that {@link acquire} has returned. */
  acquired: unknown;

  constructor(readonly resource: CompiledResource) {}

  get rank(): Rank {
    return this.resource.rank;
  }

  get release(): 'before-response' | 'after-tasks' {
    return this.resource.definition.release;
  }

  get hasTransaction(): boolean {
    return this.#isAcquired && this.resource.definition.transaction !== undefined;
  }

  /** The transaction to insert the named tasks of the request in. It may throw what the application throws. */
  get transaction(): Transaction | undefined {
    return this.resource.definition.transaction?.(this.#value);
  }

  /** Settles when the factory has come to its `yield`; `undefined` once it has. */
  get construction(): Promise<unknown> | undefined {
    return this.#construction;
  }

  /** Whether its value is there, or was until it was given back. */
  get isHeld(): boolean {
    return this.#isAcquired;
  }

  /** Whether this object is its value. A string or a number is nobody's: equal ones cannot be told apart. */
  is(value: unknown): boolean {
    const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
    return isObject && value === this.#value;
  }

  /**
   * Runs the factory up to its `yield`. Returns the value, or a promise of it. The promise rejects with
   * RESOURCE_YIELDED_NOTHING or with what the factory threw.
   */
  acquire(dependencies: readonly unknown[]): unknown {
    this.acquired = this.#create(dependencies);
    if (isPromise(this.acquired)) {
      this.#construction = this.acquired;
      // The code that asked for the resource handles a failure.
      void whenSettled(this.acquired, () => (this.#construction = undefined));
    }
    return this.acquired;
  }

  /** Gives the value back, if there is one. With `outcome.error`, throws that in at the `yield` first. */
  dispose(outcome: TaskOutcome): unknown {
    if (!this.#isAcquired) return undefined;
    const generator = this.#generator;
    if (!generator) return this.resource.definition.dispose!(this.#value, outcome);
    const last: Step | Promise<Step> = outcome.succeeded ? generator.next() : generator.throw(outcome.error);
    return after(last, (step) => (hasReturned(step) ? undefined : this.#yieldedTwice(generator)));
  }

  #create(dependencies: readonly unknown[]): unknown {
    const { definition } = this.resource;
    try {
      const made = definition.create(...dependencies);
      if (definition.dispose) return after(made, (value) => this.#hold(value));
      if (!isGenerator(made)) throw new ResourceYieldedNothingError(definition.name);
      this.#generator = made;
      const first: Step | Promise<Step> = made.next();
      return after(first, (step) => {
        if (hasReturned(step)) throw new ResourceYieldedNothingError(definition.name);
        return this.#hold(step.value);
      });
    } catch (error) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it was thrown
      return Promise.reject(error);
    }
  }

  #hold(value: unknown): unknown {
    this.#isAcquired = true;
    this.#value = value;
    return value;
  }

  async #yieldedTwice(generator: AnyGenerator): Promise<never> {
    let failure: { readonly cause: unknown } | undefined;
    try {
      await (generator as Partial<AnyGenerator>).return?.();
    } catch (cause) {
      failure = { cause };
    }
    throw new ResourceYieldedTwiceError(this.resource.definition.name, failure);
  }
}

type AnyGenerator = Generator<unknown, void, void> | AsyncGenerator<unknown, void, void>;
type Step = IteratorResult<unknown, void>;

/** Calls `then` with the value: now, or when its promise is fulfilled. */
function after<T>(value: T | PromiseLike<T>, then: (value: T) => unknown): unknown {
  return isThenable(value) ? Promise.resolve(value).then(then) : then(value);
}

/** Whether a step is the last. An object that only looks like a generator may give no step at all. */
function hasReturned(step: Step | null | undefined): boolean {
  return step === undefined || step === null || step.done === true;
}

function isGenerator(value: unknown): value is AnyGenerator {
  const candidate = value as Partial<AnyGenerator> | null;
  return (
    typeof candidate === 'object' && typeof candidate?.next === 'function' && typeof candidate.throw === 'function'
  );
}
