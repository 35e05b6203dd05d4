import type { TaskOutcome } from '../contracts/task-outcome.js';
import { ResourceYieldedNothingError, ResourceYieldedTwiceError } from '../errors.js';
import type { ResourceDefinition } from './resource-definition.js';

type AnyGenerator = Generator<unknown, void, void> | AsyncGenerator<unknown, void, void>;

/** An acquired resource: its value, and the way to give it back. */
export interface ResourceLease {
  readonly value: unknown;
  /** Gives it back. With `outcome.error`, throws that in at the `yield` first. Throws what the exit throws. */
  exit(outcome: TaskOutcome): unknown;
}

/** Runs the factory up to its `yield`. Throws RESOURCE_YIELDED_NOTHING, or what the factory throws. */
export function openLease(
  definition: ResourceDefinition,
  dependencies: readonly unknown[],
): ResourceLease | Promise<ResourceLease> {
  const made = definition.create(...dependencies);
  if (definition.dispose) return valueLease(definition, made);
  if (!isGenerator(made)) throw new ResourceYieldedNothingError(definition.name);
  return generatorLease(definition, made);
}

async function valueLease({ dispose }: ResourceDefinition, made: unknown): Promise<ResourceLease> {
  const value = await made;
  return { value, exit: (outcome) => dispose!(value, outcome) };
}

async function generatorLease(definition: ResourceDefinition, generator: AnyGenerator): Promise<ResourceLease> {
  const first = await generator.next();
  if (first.done) throw new ResourceYieldedNothingError(definition.name);
  return { value: first.value, exit: (outcome) => exitGenerator(definition, generator, outcome) };
}

async function exitGenerator(definition: ResourceDefinition, generator: AnyGenerator, outcome: TaskOutcome): Promise<void> {
  const last = await (outcome.succeeded ? generator.next() : generator.throw(outcome.error));
  if (last.done) return;
  await generator.return(undefined);
  throw new ResourceYieldedTwiceError(definition.name);
}

function isGenerator(value: unknown): value is AnyGenerator {
  const candidate = value as Partial<AnyGenerator> | null;
  return typeof candidate === 'object' && typeof candidate?.next === 'function' && typeof candidate.throw === 'function';
}
