import { randomUUID } from 'node:crypto';
import type { ObservedScope } from '../contracts/task-events.js';
import type { TaskContext } from '../contracts/task-context.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Failure } from '../disposal/disposables.js';
import { epochMs } from '../observation/clock.js';
import type { ObservedEvents } from '../observation/observation.js';
import type { Observed } from '../observation/observed-task.js';
import { type AsyncContext, asyncContext } from '../tasks/async-context.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { ScopeOrigin } from './scope-source.js';

/** Tells the observers of the life of one scope. Made only where somebody listens. */
export class ScopeEvents {
  #observed: ObservedScope | undefined;
  #hasHandlerEnded = false;
  #hasResponseClosed = false;

  constructor(
    private readonly events: ObservedEvents,
    private readonly origin: ScopeOrigin,
  ) {}

  /** The scope as events show it. A new object once more is known of it, such as the route of a request. */
  get observed(): ObservedScope {
    const { title = this.origin.description } = this.origin;
    if (this.#observed?.description !== title) this.#observed = this.#describe(title);
    return this.#observed;
  }

  opened(): void {
    this.events.scopeOpened.tell({ scope: this.observed });
  }

  /** Called with each result and each error of the handler. The first counts. */
  handlerEnded(failure: Failure | undefined): void {
    if (this.#hasHandlerEnded) return;
    this.#hasHandlerEnded = true;
    this.events.handlerEnded.tell({ scope: this.observed, ...(failure && { error: failure.error }) });
  }

  /** Called when the response is over, and perhaps again. */
  responseClosed(aborted: boolean, statusCode: number | undefined): void {
    if (this.#hasResponseClosed) return;
    this.#hasResponseClosed = true;
    const status = statusCode !== undefined && { statusCode };
    this.events.responseClosed.tell({ scope: this.observed, aborted, ...status });
  }

  closed(outcome: TaskOutcome): void {
    this.events.scopeClosed.tell({ scope: this.observed, outcome });
  }

  #describe(description: string): ObservedScope {
    const { kind, method, routePattern: route, begunAt, begunIn } = this.origin;
    const known = this.#observed;
    return {
      id: known?.id ?? randomUUID(),
      kind,
      description,
      ...(method !== undefined && { method }),
      ...(route !== undefined && { route }),
      begunAt: known?.begunAt ?? begunAt ?? epochMs(),
      ...(begunIn && { parent: begunIn }),
    };
  }
}

/** Makes the async context of a scope that is no request. */
export function contextOf(scope: Observed, tasks: BackgroundTasks, task: TaskContext | undefined): AsyncContext {
  return {
    tasks,
    task,
    get observed() {
      return scope.observed;
    },
  };
}

/** Finds the task or scope that this code belongs to. */
export function currentParent(): ObservedScope['parent'] {
  const current = asyncContext.getStore();
  if (!current) return undefined;
  const scopeId = current.observed?.id;
  const taskId = current.task?.id;
  if (scopeId === undefined && taskId === undefined) return undefined;
  return { ...(scopeId !== undefined && { scopeId }), ...(taskId !== undefined && { taskId }) };
}
