import type { ContextId } from '@nestjs/core';
import { RouterExplorer } from '@nestjs/core/router/router-explorer.js';

/**
 * Calls back with the injector's context of each request to a durable controller. Nest injects the payload of the
 * strategy there in place of the request, so nothing else leads from the context to the request. The first callback
 * serves every application of the process.
 */
export function onDurableContext(made: (contextId: ContextId, request: object) => void): void {
  const prototype = RouterExplorer.prototype as unknown as PatchedExplorer;
  if (prototype[PATCHED]) return;
  const { getContextId } = prototype;
  prototype.getContextId = function getContextIdAndTell(request, isTreeDurable) {
    const contextId = getContextId.call(this, request, isTreeDurable);
    if (isTreeDurable) made(contextId, request);
    return contextId;
  };
  prototype[PATCHED] = true;
}

interface PatchedExplorer {
  getContextId: (request: object, isTreeDurable: boolean) => ContextId;
  [PATCHED]?: true;
}

const PATCHED = Symbol('nestjs-background-tasks:router-explorer');
