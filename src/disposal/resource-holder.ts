import type { ResourceDefinition } from './resource-definition.js';

/** Keeps the resources of one request: one instance of each. */
export interface ResourceHolder {
  /** The instance of this request, acquired on first use. Rejects with what the factory threw. */
  acquire(definition: ResourceDefinition, dependencies: readonly unknown[]): unknown;
}

/** Finds the holder for whatever Nest injects as `REQUEST`. Implemented by the scopes, which lie above. */
export abstract class ResourceHolders {
  /** @throws OUTSIDE_SCOPE, SCOPE_CLOSED */
  abstract of(request: unknown, what: string): ResourceHolder;
}
