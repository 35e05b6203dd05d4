import type { TaskEnvelopeContext } from '../contracts/task-envelope.js';
import type { Answer } from '../execution/task-queue.js';

/** What a scope was opened for. */
export interface ScopeOrigin extends Answer {
  /** What Nest injects as `REQUEST`. */
  readonly request: unknown;
  /** What a named task brought along, for those that it enqueues in its turn. */
  readonly carried?: TaskEnvelopeContext;
}
