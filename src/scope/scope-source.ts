import type { RequestScope } from './request-scope.js';

/** Under this key a request, or an injector context, names the scope it belongs to. */
const SCOPE_SOURCE = Symbol('nestjs-background-tasks:scope');

/** Opens the scope of a request when something of ours is first touched, so that a request that touches nothing has none. */
export interface ScopeSource {
  /** @throws SCOPE_CLOSED, SHUTTING_DOWN */
  openScope(): RequestScope;
}

/** Finds the source of a request, be it Node's or the framework's wrapping of it. */
export function scopeSourceOf(request: unknown): ScopeSource | undefined {
  if (typeof request !== 'object' || request === null) return undefined;
  const carrier = request as { [SCOPE_SOURCE]?: ScopeSource; raw?: { [SCOPE_SOURCE]?: ScopeSource } };
  return carrier[SCOPE_SOURCE] ?? carrier.raw?.[SCOPE_SOURCE];
}

export function attachScopeSource(carrier: object, source: ScopeSource): void {
  (carrier as { [SCOPE_SOURCE]?: ScopeSource })[SCOPE_SOURCE] = source;
}
