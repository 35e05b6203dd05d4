import type { ExecutionContext } from '@nestjs/common';
import { OutsideScopeError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';
import { scopeSourceOf } from '../scope/scope-source.js';
import { Unit } from '../scope/unit.js';
import { asyncContext } from '../tasks/async-context.js';

/** Finds the unit that a handler runs for. @throws OUTSIDE_SCOPE, which names `what` */
export function currentUnit(context: ExecutionContext, what: string): Unit {
  const unit = unitOf(context);
  if (!unit) throw new OutsideScopeError(what, 'handler');
  return unit;
}

/** Finds the unit that a handler runs for: an HTTP request names it, everything else runs in its async context. */
export function unitOf(context: ExecutionContext): Unit | undefined {
  const source = scopeSourceOf(context.getArgByIndex(0)) ?? asyncContext.getStore();
  return isInstance(source, Unit) ? source : undefined;
}
