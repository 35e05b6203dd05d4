import type { TaskOutcome } from '../contracts/task-outcome.js';
import { ResourceYieldedNothingError, ResourceYieldedTwiceError } from '../errors/errors.js';
import { isThenable } from '../execution/is-thenable.js';
import type { DisposableEntry, Rank } from './disposable-entry.js';
import type { ResourceDefinition } from './resource-definition.js';

type AnyGenerator = Generator<unknown, void, void> | AsyncGenerator<unknown, void, void>;
type Step = IteratorResult<unknown, void>;

/** A resource of one request, from the call of its factory to its exit. */
export class ResourceLease implements DisposableEntry {
  #generator: AnyGenerator | undefined;
  #value: unknown;
  #isOpen = false;
  #opening: Promise<unknown> | undefined;

  constructor(
    private readonly definition: ResourceDefinition,
    readonly rank: Rank,
  ) {}

  get release(): 'before-response' | 'after-tasks' {
    return this.definition.release;
  }

  /**
   * Runs the factory up to its `yield`. Returns the value, or a promise of it, which rejects with
   * RESOURCE_YIELDED_NOTHING or with what the factory threw.
   */
  open(dependencies: readonly unknown[]): unknown {
    let acquired: unknown;
    try {
      const made = this.definition.create(...dependencies);
      acquired = this.definition.dispose ? after(made, this.#opened) : this.#advance(made);
    } catch (error) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it was thrown
      acquired = Promise.reject(error);
    }
    if (!(acquired instanceof Promise)) return acquired;
    this.#opening = acquired;
    // Whoever asked handles a failure; nobody may have.
    const over = () => (this.#opening = undefined);
    acquired.then(over, over);
    return acquired;
  }

  get built(): Promise<unknown> | undefined {
    return this.#opening;
  }

  /** Gives it back, if it was opened. With `outcome.error`, throws that in at the `yield` first. Throws what the exit throws. */
  dispose(outcome: TaskOutcome): unknown {
    if (!this.#isOpen) return undefined;
    const generator = this.#generator;
    if (!generator) return this.definition.dispose!(this.#value, outcome);
    const last: Step | Promise<Step> = outcome.succeeded ? generator.next() : generator.throw(outcome.error);
    return after(last, (step) => (step.done ? undefined : this.#yieldedTwice(generator)));
  }

  #advance(made: unknown): unknown {
    if (!isGenerator(made)) throw new ResourceYieldedNothingError(this.definition.name);
    this.#generator = made;
    const first: Step | Promise<Step> = made.next();
    return after(first, (step) => {
      if (step.done) throw new ResourceYieldedNothingError(this.definition.name);
      return this.#opened(step.value);
    });
  }

  readonly #opened = (value: unknown): unknown => {
    this.#isOpen = true;
    this.#value = value;
    return value;
  };

  async #yieldedTwice(generator: AnyGenerator): Promise<never> {
    await generator.return(undefined);
    throw new ResourceYieldedTwiceError(this.definition.name);
  }
}

/** Calls `then` with the value: now, or when its promise is fulfilled. */
function after<T>(value: T | PromiseLike<T>, then: (value: T) => unknown): unknown {
  return isThenable(value) ? Promise.resolve(value).then(then) : then(value);
}

function isGenerator(value: unknown): value is AnyGenerator {
  const candidate = value as Partial<AnyGenerator> | null;
  return (
    typeof candidate === 'object' && typeof candidate?.next === 'function' && typeof candidate.throw === 'function'
  );
}
