import type { BatchOptions } from '../contracts/batch-options.js';
import type { EndedTask } from '../contracts/ended-task.js';
import type { ResolvedRetry } from '../contracts/retry-options.js';
import type { BackendSettings, EnqueuedTask } from '../contracts/task-backend.js';
import type { JsonValue, TaskEnvelope } from '../contracts/task-envelope.js';
import type { TaskQueue } from '../execution/task-queue.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import { QueuedTask, type TaskOrigin } from '../tasks/queued-task.js';
import type { KeptReports } from './kept-reports.js';
import type { TaskGroup } from './task-group.js';

/** A named task in the queue of the request that enqueued it, or of the jobs of this process. */
export class NamedTask extends QueuedTask implements EnqueuedTask {
  override stage: QueuedTask['stage'] = 'before-hand-over';
  readonly envelope: TaskEnvelope;
  readonly settings: BackendSettings;
  readonly batch: BatchOptions | undefined;
  /** The value that its handler returned, if somebody keeps it. */
  result: JsonValue | undefined;
  keepsResult: boolean;
  /** The tasks that it waits for, if it is the last of a group. */
  readonly group: TaskGroup | undefined;
  /** The id of the task that waits for this one and others. */
  before: string | undefined;
  readonly #kept: KeptReports | undefined;
  readonly #queue: TaskQueue;
  readonly #groupEnds: readonly EndedTask[] | undefined;

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
    this.keepsResult = named.kept !== undefined || named.isGrouped === true;
    this.group = named.group;
    for (const task of this.group?.tasks ?? []) task.before = this.id;
    this.#groupEnds = named.groupEnds;
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

  override get waitsFor(): readonly string[] | undefined {
    return this.envelope.context.group?.map(({ id }) => id);
  }

  override get groupEnds(): readonly EndedTask[] | undefined {
    return this.group?.ended ?? this.#groupEnds;
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
  /** Whether it is one of those that the last of a group waits for. */
  readonly isGrouped?: boolean;
  /** Those that it waits for, if it is the last. */
  readonly group?: TaskGroup | undefined;
  /** The same, where a backend has waited for them. */
  readonly groupEnds?: readonly EndedTask[] | undefined;
  /** Keeps its report; absent if that is the backend's. */
  readonly kept?: KeptReports | undefined;
}
