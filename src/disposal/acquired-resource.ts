import type { TaskOutcome } from '../contracts/task-outcome.js';
import { ResourceYieldedNothingError, ResourceYieldedTwiceError } from '../errors/errors.js';
import { isPromise, whenSettled } from '../errors/safely.js';
import { isThenable } from '../execution/task-result.js';
import type { Rank } from './disposal-plan.js';
import type { ResourceDefinition } from './resource-definition.js';

/** A resource of one request, from the call of its factory until it is given back. */
export class AcquiredResource {
  #generator: AnyGenerator | undefined;
  #value: unknown;
  #isAcquired = false;
  #construction: Promise<unknown> | undefined;

  constructor(
    private readonly definition: ResourceDefinition,
    readonly rank: Rank,
  ) {}

  get release(): 'before-response' | 'after-tasks' {
    return this.definition.release;
  }

  /** Settles when the factory has come to its `yield`; `undefined` once it has. */
  get construction(): Promise<unknown> | undefined {
    return this.#construction;
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
    let acquired: unknown;
    try {
      const made = this.definition.create(...dependencies);
      acquired = this.definition.dispose ? after(made, this.#acquired) : this.#advance(made);
    } catch (error) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it was thrown
      acquired = Promise.reject(error);
    }
    if (!isPromise(acquired)) return acquired;
    this.#construction = acquired;
    // The code that asked for the resource handles a failure.
    void whenSettled(acquired, () => (this.#construction = undefined));
    return acquired;
  }

  /** Gives the value back, if there is one. With `outcome.error`, throws that in at the `yield` first. */
  dispose(outcome: TaskOutcome): unknown {
    if (!this.#isAcquired) return undefined;
    const generator = this.#generator;
    if (!generator) return this.definition.dispose!(this.#value, outcome);
    const last: Step | Promise<Step> = outcome.succeeded ? generator.next() : generator.throw(outcome.error);
    return after(last, (step) => (hasReturned(step) ? undefined : this.#yieldedTwice(generator)));
  }

  #advance(made: unknown): unknown {
    if (!isGenerator(made)) throw new ResourceYieldedNothingError(this.definition.name);
    this.#generator = made;
    const first: Step | Promise<Step> = made.next();
    return after(first, (step) => {
      if (hasReturned(step)) throw new ResourceYieldedNothingError(this.definition.name);
      return this.#acquired(step.value);
    });
  }

  readonly #acquired = (value: unknown): unknown => {
    this.#isAcquired = true;
    this.#value = value;
    return value;
  };

  async #yieldedTwice(generator: AnyGenerator): Promise<never> {
    let failure: { readonly cause: unknown } | undefined;
    try {
      await (generator as Partial<AnyGenerator>).return?.();
    } catch (cause) {
      failure = { cause };
    }
    throw new ResourceYieldedTwiceError(this.definition.name, failure);
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
