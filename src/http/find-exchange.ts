import type { ExecutionContext } from '@nestjs/common';
import { OutsideScopeError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';
import { scopeSourceOf } from '../scope/scope-source.js';
import { HttpExchange } from './http-exchange.js';

/** Finds the exchange of the request that a handler runs for. @throws OUTSIDE_SCOPE, which names `what` */
export function currentExchange(context: ExecutionContext, what: string): HttpExchange {
  const exchange = exchangeOf(context.getArgByIndex(0));
  if (!exchange) throw new OutsideScopeError(what, 'handler');
  return exchange;
}

/** Finds the exchange of a request, which may be Node's own or the framework's. */
export function exchangeOf(request: unknown): HttpExchange | undefined {
  const source = scopeSourceOf(request);
  return isInstance(source, HttpExchange) ? source : undefined;
}
