import { isInstance } from '../errors/safely.js';
import { scopeSourceOf } from '../scope/scope-source.js';
import { HttpExchange } from './http-exchange.js';

/** Finds the exchange of a request, which may be Node's own or the framework's. */
export function exchangeOf(request: unknown): HttpExchange | undefined {
  const source = scopeSourceOf(request);
  return isInstance(source, HttpExchange) ? source : undefined;
}
