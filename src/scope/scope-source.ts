import type { ContextId, ModuleRef } from '@nestjs/core';
import type { JsonValue, TaskEnvelopeContext } from '../contracts/task-envelope.js';
import type { ObservedScope, ScopeKind } from '../contracts/task-events.js';
import { safely } from '../errors/safely.js';
import type { Described } from '../execution/task-log.js';
import { contextIdOfUnit } from '../nest/injector.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { RequestScope } from './request-scope.js';

/** Key under which a request, or a context of the injector, names its scope. */
const SCOPE_SOURCE = Symbol('nestjs-background-tasks:scope');

/** Opens the scope of a request when something of ours is first touched: a request that touches nothing has none. */
export interface ScopeSource {
  /** The tasks of the request. @throws SCOPE_CLOSED, SHUTTING_DOWN */
  readonly tasks: BackgroundTasks;
  /** @throws SCOPE_CLOSED, which says that `what` came too late; SHUTTING_DOWN */
  openScope(what: string): RequestScope;
}

/** Returns a source for a scope that is open. */
export function sourceOf(scope: RequestScope): ScopeSource {
  return {
    openScope: () => scope,
    get tasks() {
      return scope.tasks;
    },
  };
}

/**
 * Finds the source of a request, Node's own or the framework's wrapper. `args`: the arguments of its handler, if known.
 * `begins`: whether one begins now that begins on its first use.
 */
export function scopeSourceOf(request: unknown, args?: readonly unknown[], begins = true): ScopeSource | undefined {
  if (typeof request !== 'object' || request === null) return undefined;
  const marked = request as { [SCOPE_SOURCE]?: Mark; raw?: { [SCOPE_SOURCE]?: Mark } };
  try {
    const mark = marked[SCOPE_SOURCE] ?? marked.raw?.[SCOPE_SOURCE];
    if (typeof mark !== 'function') return mark;
    return begins ? mark(marked, args) : undefined;
  } catch {
    // Outside HTTP it may be anything, such as a message.
    return undefined;
  }
}

/**
 * Finds the source by the arguments of a handler. An HTTP request is the first. In GraphQL that is the parent of a field,
 * which may be any request, and the context comes later. Elsewhere it may be any of them.
 */
export function scopeSourceOfCall(
  args: readonly unknown[],
  type: string | undefined,
  begins: boolean,
): ScopeSource | undefined {
  const first = type === 'graphql' ? 1 : 0;
  const marked = type === 'http' ? args[0] : args.find((arg, index) => index >= first && isMarked(arg));
  return scopeSourceOf(marked, args, begins);
}

/** Marks a request, or a context of the injector. */
export function attachScopeSource(marked: object, mark: Mark): void {
  (marked as { [SCOPE_SOURCE]?: Mark })[SCOPE_SOURCE] = mark;
}

/** The source itself, or a function that finds it when somebody asks, for the object that has or inherits the mark. */
type Mark = ScopeSource | ((marked: object, args: readonly unknown[] | undefined) => ScopeSource);

function isMarked(arg: unknown): boolean {
  return typeof arg === 'object' && arg !== null && safely(() => SCOPE_SOURCE in arg, false);
}

/** Marks a context of the injector with the source of its request, if the request is one of ours. */
export function attachSourceOf(request: unknown, contextId: ContextId): void {
  const source = scopeSourceOf(request);
  if (source) attachScopeSource(contextId, source);
}

/**
 * Makes the injector's context for a unit of work, in which `request` is injected as `REQUEST`. Only units that
 * resolve something need one: Nest keeps contexts in weak tables, which cost the garbage collector more than all
 * the rest of a small unit.
 */
export function createContext(
  request: object,
  scope: RequestScope,
  moduleRef: ModuleRef,
  isTreeDurable = false,
): ContextId {
  const contextId = contextIdOfUnit(request, moduleRef, isTreeDurable);
  attachScopeSource(contextId, sourceOf(scope));
  return contextId;
}

/** The request, unit of work or run of a handler that a scope was opened for. */
export interface ScopeOrigin extends Described {
  readonly kind: ScopeKind;
  /** The words for it in events, which have no id in them. @default `description` */
  readonly title?: string;
  /** The moment at which it began, on the clock of events. Known only if somebody listened by then. */
  readonly begunAt?: number | undefined;
  /** The task or scope in which it began. */
  readonly begunIn?: ObservedScope['parent'];
  /** The method of an HTTP request. */
  readonly method?: string | undefined;
  /** The pattern of its route, once that is known. */
  readonly routePattern?: string | undefined;
  /** The value that Nest injects as `REQUEST`. */
  readonly request: unknown;
  /** Whether the response can still wait until there are permits for all tasks. */
  readonly canDelayResponse: boolean;
  /** Whether the client has left before it had the response. Absent where there is no client. */
  readonly hasClientLeft?: boolean;
  /** For a unit of work: what it was told to say of itself. The named tasks that it enqueues take it along. */
  readonly context?: JsonValue | undefined;
  /** For the run of a named task: the context of its envelope. The named tasks that it enqueues inherit it. */
  readonly inherited?: TaskEnvelopeContext;
  /** Called when the scope has closed, to let go of it. */
  scopeClosed?(): void;
}

/** Whether it is a function given to `TaskScopes.run()`: no request, and no run of a handler. */
export function isUnitOfWork({ hasClientLeft, inherited }: ScopeOrigin): boolean {
  return hasClientLeft === undefined && inherited === undefined;
}
