import type { BatchOptions } from '../../contracts/batch-options.js';
import type { NamedTaskAttempt, NamedTaskResult, NamedTaskRunner } from '../../contracts/task-backend.js';
import type { TaskEnvelope } from '../../contracts/task-envelope.js';
import { UnknownTaskError } from '../../errors/named-task-errors.js';

/** Runs tasks for the backend of a check, and knows what it ran. */
export class ContractRunner implements NamedTaskRunner {
  readonly batches: ReadonlyMap<string, BatchOptions> = new Map();
  /** The ids of the tasks that were to be cancelled. */
  readonly cancelled: string[] = [];
  readonly #handlers = new Map<string, ContractHandler>();

  /** Runs are also added to `runs`, which the runners of all processes share. */
  constructor(private readonly runs: ContractRun[]) {}

  get names(): ReadonlySet<string> {
    return new Set(this.#handlers.keys());
  }

  /** Has the tasks of a name handled, and succeed unless the handler says otherwise. */
  handle(name: string, handler: ContractHandler = () => undefined): void {
    this.#handlers.set(name, handler);
  }

  async run(envelope: TaskEnvelope, attempt: NamedTaskAttempt): Promise<NamedTaskResult> {
    const { id, name } = envelope;
    const handler = this.#handlers.get(name);
    if (!handler) throw new UnknownTaskError(name);
    const { number } = attempt;
    const run: ContractRun = { id, envelope, attempt, number, startedAt: performance.now() };
    this.runs.push(run);
    const report = (state: 'succeeded' | 'failed', error?: unknown) => {
      const durationMs = performance.now() - run.startedAt;
      return { id, name, state, attempts: number, durationMs, ...(state === 'failed' && { error }) };
    };
    try {
      // Or a backend that runs a task again and again would never let the check end.
      await new Promise((resolve) => setImmediate(resolve));
      const said = await handler(run);
      return { report: report('succeeded'), interruptedByShutdown: false, ...said };
    } catch (error) {
      return { report: report('failed', error), interruptedByShutdown: false };
    }
  }

  cancel(id: string): void {
    this.cancelled.push(id);
  }
}

/** One call of the runner. */
export interface ContractRun {
  readonly id: string;
  readonly envelope: TaskEnvelope;
  readonly attempt: NamedTaskAttempt;
  /** The number of the attempt. */
  readonly number: number;
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
}

type ContractHandler = (
  run: ContractRun,
) => Partial<NamedTaskResult> | undefined | Promise<Partial<NamedTaskResult> | undefined>;
