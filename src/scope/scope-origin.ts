import type { TaskEnvelopeContext } from '../contracts/task-envelope.js';

/** The request, unit of work or run of a handler that a scope was opened for. */
export interface ScopeOrigin {
  /** The value that Nest injects as `REQUEST`. */
  readonly request: unknown;
  /** Whether the response can still be held back, until there is room for the tasks. */
  readonly canHold: boolean;
  /** For the run of a named task: what travelled with it, for those that it enqueues in its turn. */
  readonly carried?: TaskEnvelopeContext;
}
