import { type ContextId, ContextIdFactory, type ModuleRef } from '@nestjs/core';
import type { RequestScope } from './request-scope.js';
import { attachScopeSource } from './scope-source.js';

/**
 * Makes the injector's context for a unit of work, in which `request` is what Nest injects as
 * `REQUEST`. Only for those that need one: Nest keeps contexts in weak tables, and what that costs
 * the garbage collector is more than all the rest of a small unit.
 */
export function createContext(request: object, scope: RequestScope, moduleRef: ModuleRef): ContextId {
  const contextId = ContextIdFactory.create();
  attachScopeSource(contextId, { openScope: () => scope });
  moduleRef.registerRequestByContextId(request, contextId);
  return contextId;
}
