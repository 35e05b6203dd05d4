import type { ExecutionContext } from '@nestjs/common';
import { OutsideScopeError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';
import { scopeSourceOfCall } from '../scope/scope-source.js';
import { Unit } from '../scope/unit.js';
import { asyncContext } from '../tasks/async-context.js';

/** Finds the unit that a handler runs for. @throws OUTSIDE_SCOPE, which names `what` */
export function currentUnit(context: ExecutionContext, what: string): Unit {
  const unit = unitOf(context);
  if (!unit) throw new OutsideScopeError(what, 'handler');
  return unit;
}

/** Finds the unit that a handler runs for. */
export function unitOf(context: ExecutionContext): Unit | undefined {
  return unitOfCall(context.getArgs(), context.getType());
}

/**
 * Finds the unit by the arguments of a handler: one of them may name it, everything else runs in its async context.
 * `begins`: whether one begins now that begins on its first use.
 */
export function unitOfCall(args: readonly unknown[], type: string | undefined, begins = true): Unit | undefined {
  const source = scopeSourceOfCall(args, type, begins) ?? asyncContext.getStore();
  return isInstance(source, Unit) ? source : undefined;
}
