import type { TaskOutcome } from '../contracts/task-outcome.js';

/** Marks the factory of a resource provider, so that it is told from other factories by what it is. */
export const RESOURCE = Symbol('nestjs-background-tasks:resource');

/** What `provideResource` was told. */
export interface ResourceDefinition {
  readonly name: string;
  readonly release: 'before-response' | 'after-tasks';
  readonly create: (...dependencies: unknown[]) => unknown;
  readonly dispose: ((value: unknown, outcome: TaskOutcome) => unknown) | undefined;
}

/** The definition behind a provider's factory, if it is a resource's. */
export function resourceDefinitionOf(factory: unknown): ResourceDefinition | undefined {
  return typeof factory === 'function' ? (factory as { [RESOURCE]?: ResourceDefinition })[RESOURCE] : undefined;
}
