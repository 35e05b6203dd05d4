import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Transaction } from '../contracts/transaction.js';
import { safely } from '../errors/safely.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';

/** The options of `provideResource`, checked. */
export interface ResourceDefinition {
  readonly name: string;
  readonly release: 'before-response' | 'after-tasks';
  readonly create: (...dependencies: unknown[]) => unknown;
  readonly transaction: ((value: unknown) => Transaction) | undefined;
  readonly dispose: ((value: unknown, outcome: TaskOutcome) => unknown) | undefined;
}

/** Finds the definition behind a provider's factory; `undefined` if the provider is no resource. */
export function resourceDefinitionOf(factory: unknown): ResourceDefinition | undefined {
  if (typeof factory !== 'function') return undefined;
  // A class may be a proxy.
  return safely(() => (factory as { [RESOURCE]?: ResourceDefinition })[RESOURCE], undefined);
}

/** Marks the factory of a resource provider. */
export const RESOURCE = Symbol('nestjs-background-tasks:resource');

/** Every resource injects this first and never uses it: without BackgroundTasksModule, Nest then refuses to start. */
export const OWN_DEPENDENCIES = [BackgroundTasks] as const;
