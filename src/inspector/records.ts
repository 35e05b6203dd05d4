import type { NamedTaskReport } from '../contracts/named-task-report.js';
import type { ScopeKind, TaskEndReason } from '../contracts/task-events.js';
import type { TaskState } from '../contracts/task-report.js';

/** A request, message or unit of work, as the page shows it. All moments are milliseconds since 1970. */
export interface ScopeRecord {
  /** Unique to the scope. */
  readonly id: string;
  /** Counts the scopes of this process: a later one has a higher number. */
  readonly serial: number;
  readonly kind: ScopeKind;
  description: string;
  method?: string;
  route?: string;
  readonly begunAt: number;
  readonly parent?: { readonly scopeId?: string; readonly taskId?: string };
  /** The trace that it is in, where there is one. */
  readonly traceId?: string;
  handlerEndedAt?: number;
  handlerError?: ErrorRecord;
  response?: { readonly at: number; readonly statusCode?: number; readonly aborted: boolean };
  closedAt?: number;
  hasSucceeded?: boolean;
  readonly tasks: TaskRecord[];
  readonly resources: ResourceRecord[];
  readonly handOvers: HandOverRecord[];
  /** Number of tasks and resources that are left out, because there were too many. */
  leftOut?: number;
  /** The job that this run of a handler belongs to, where a backend had this process run it. */
  job?: TaskRecord;
}

/** A task, as the page shows it. */
export interface TaskRecord {
  readonly id: string;
  readonly name: string;
  readonly isNamed: boolean;
  readonly addedBy?: string;
  readonly place?: string;
  /** The trace that it is in, once that is known. */
  traceId?: string;
  /** Whether it has called a function that runs in a thread. */
  usesThread?: boolean;
  /** The number of tasks in the batch that it runs in. */
  batchSize?: number;
  /** The number of tasks that it waits for, as the last one of a group. */
  readonly waitsFor?: number;
  /** Absent for a job, which was accepted elsewhere. */
  readonly acceptedAt?: number;
  state: TaskState | 'retrying';
  readonly attempts: AttemptRecord[];
  settledAt?: number;
  reason?: TaskEndReason;
  /** The error of a task that ended without an attempt here. */
  error?: ErrorRecord;
  /** The last progress that was told, if it is a number. */
  progress?: number;
  /** Whether the backend makes another attempt. */
  isRetried?: boolean;
}

/** An attempt of a task. */
export interface AttemptRecord {
  readonly number: number;
  readonly startedAt: number;
  endedAt?: number;
  state?: string;
  error?: ErrorRecord;
  /** Milliseconds for which the next attempt waits. */
  delayMs?: number;
}

/** A resource, or an instance that is disposed of with its scope. */
export interface ResourceRecord {
  readonly id: number;
  readonly name: string;
  readonly release: 'before-response' | 'after-tasks';
  readonly taskId?: string;
  readonly acquiringAt: number;
  /** Absent if its factory failed. */
  readonly acquiredAt?: number;
  readonly acquireError?: ErrorRecord;
  releasingAt?: number;
  releasedAt?: number;
  releaseError?: ErrorRecord;
}

/** A hand-over of named tasks to the backend. */
export interface HandOverRecord {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly taskIds: readonly string[];
  readonly error?: ErrorRecord;
}

/** An error without its members: they may hold anything. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  /** The first lines of the stack. */
  readonly stack: readonly string[];
  readonly cause?: ErrorRecord;
}

/** The strip at the top of the page. */
export interface InspectorStatus {
  /** The clock of the server. */
  readonly at: number;
  readonly running: number;
  readonly waiting: number;
  /** Absent if there is no limit. */
  readonly maxPending?: number;
  /** The moment at which the oldest waiting task was added; absent if none waits. */
  readonly oldestAt?: number;
  readonly failedLastMinute: number;
  readonly openResources: number;
  readonly eventLoopDelayMs: number;
  readonly isDraining: boolean;
  /** The reason for which the backend takes no tasks, and since when; absent while it does. */
  readonly lost?: { readonly reason: string; readonly at: number };
}

/** One message of the live stream. */
export interface LiveMessage {
  /** Tells this start of the process from others. */
  readonly runId: string;
  /** Number of scopes that the process keeps. */
  readonly capacity: number;
  readonly status: InspectorStatus;
  readonly records: readonly ScopeRecord[];
  /** Number of changes that were gone before they could be sent, since the last message. */
  readonly missed: number;
  /** Cursor to ask with after a lost connection: everything up to it was sent. Absent while more is to come. */
  readonly cursor?: number;
}

/** The answer of the backend about a named task. `gone`: it has none of that id. `untold`: it tells of none at all. */
export type TaskLookup =
  | (Pick<NamedTaskReport, 'state' | 'attempts'> & {
      readonly kind: 'found';
      /** The address of its job in a dashboard. */
      readonly board?: string;
    })
  | { readonly kind: 'gone' }
  | { readonly kind: 'untold' }
  | { readonly kind: 'unknown'; readonly reason: string };
