import type { BatchOptions } from '../contracts/batch-options.js';
import type { ResolvedRetry } from '../contracts/retry-options.js';
import type { BackendSettings, EnqueuedTask } from '../contracts/task-backend.js';
import type { JsonValue, TaskEnvelope } from '../contracts/task-envelope.js';
import type { TaskQueue } from '../execution/task-queue.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import { QueuedTask, type TaskOrigin } from '../tasks/queued-task.js';
import type { KeptReports } from './kept-reports.js';

/** A named task in the queue of the request that enqueued it, or of the jobs of this process. */
export class NamedTask extends QueuedTask implements EnqueuedTask {
  override stage: QueuedTask['stage'] = 'before-hand-over';
  readonly envelope: TaskEnvelope;
  readonly settings: BackendSettings;
  readonly batch: BatchOptions | undefined;
  /** The value that its handler returned, if somebody keeps it. */
  result: JsonValue | undefined;
  keepsResult: boolean;
  readonly #kept: KeptReports | undefined;
  readonly #queue: TaskQueue;

  constructor(
    run: () => unknown,
    options: CheckedTaskOptions,
    origin: TaskOrigin,
    named: NamedTaskParts,
    stackTrace?: Error,
  ) {
    super({ fn: run, target: undefined, args: [], name: named.envelope.name }, options, origin, stackTrace);
    this.#queue = named.queue;
    this.envelope = named.envelope;
    this.idempotencyKey = named.idempotencyKey;
    this.settings = named.settings;
    this.batch = named.batch;
    this.#kept = named.kept;
    this.keepsResult = named.kept !== undefined;
  }

  override get id(): string {
    return this.envelope.id;
  }

  override get isNamed(): boolean {
    return true;
  }

  override get captured(): JsonValue | undefined {
    return this.envelope.context.captured;
  }

  get retry(): ResolvedRetry | undefined {
    return this.options.retry;
  }

  override accepted(): void {
    this.#kept?.add(this);
  }

  runHere(): void {
    this.#queue.runHere(this);
  }
}

interface NamedTaskParts {
  readonly queue: TaskQueue;
  readonly envelope: TaskEnvelope;
  readonly idempotencyKey: string | undefined;
  readonly settings: BackendSettings;
  readonly batch: BatchOptions | undefined;
  /** Keeps its report; absent if that is the backend's. */
  readonly kept?: KeptReports | undefined;
}
