import type { JsonValue } from '../contracts/json.js';
import type { TaskContext } from '../contracts/task-context.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Ambient } from '../tasks/ambient.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { RequestScope } from './request-scope.js';

/** The running task as the handler sees it, and what its providers are injected as `REQUEST`. */
export class HandlerContext implements TaskContext, Ambient {
  scope!: RequestScope;

  constructor(
    private readonly attempted: TaskContext,
    readonly context: JsonValue | undefined,
  ) {}

  get id(): string {
    return this.attempted.id;
  }

  get name(): string {
    return this.attempted.name;
  }

  get attempt(): number {
    return this.attempted.attempt;
  }

  get signal(): AbortSignal {
    return this.attempted.signal;
  }

  get outcome(): TaskOutcome {
    return this.attempted.outcome;
  }

  /** What the handler adds runs after it, and before its resources are disposed. */
  get tasks(): BackgroundTasks {
    return this.scope.tasks;
  }

  get task(): TaskContext {
    return this;
  }

  progress(value: unknown): void {
    this.attempted.progress(value);
  }
}
