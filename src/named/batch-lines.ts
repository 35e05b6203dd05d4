import type { TaskEnvelope } from '../contracts/task-envelope.js';
import type { RequestScopes } from '../scope/request-scopes.js';
import { BatchLine } from './batch-line.js';
import type { Batch } from './batch.js';
import type { RegisteredTask } from './task-registry.js';

/** The lines of all definitions that run in batches, while they have tasks. */
export class BatchLines {
  readonly #lines = new Map<string, BatchLine>();
  #isFlushing = false;

  constructor(
    private readonly scopes: RequestScopes,
    private readonly run: (task: RegisteredTask, batch: Batch) => Promise<void>,
  ) {}

  /**
   * The line of a task. Where durable providers may be injected, which are those of one tenant, the tasks of each context
   * have a line of their own.
   */
  of(task: RegisteredTask, envelope: TaskEnvelope): BatchLine {
    const { name, batch } = task.definition;
    const context = task.asksForTenant ? envelope.context.captured : undefined;
    const key = context === undefined ? name : `${name} ${JSON.stringify(context)}`;
    const known = this.#lines.get(key);
    if (known) return known;
    const idle = () => {
      this.#lines.delete(key);
      this.scopes.apart.delete(line.queue);
    };
    const run = (joined: Batch) => this.run(task, joined);
    const line = new BatchLine(this.scopes, { name, options: batch!, context, run, idle });
    this.#lines.set(key, line);
    this.scopes.apart.add(line.queue);
    if (this.#isFlushing) line.flush();
    return line;
  }

  /** Has the batches begin that wait for more tasks. */
  begin(): void {
    for (const line of this.#lines.values()) line.begin();
  }

  /** Waits for no more tasks from now on: the application shuts down. */
  flush(): void {
    this.#isFlushing = true;
    for (const line of this.#lines.values()) line.flush();
  }
}
