import type { ObservedScope, ObservedTask, TaskEvents } from '../contracts/task-events.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import { errorRecord } from './error-record.js';
import type { Gauges } from './gauges.js';
import type { OwnRoutes } from './own-routes.js';
import type { RecentScopes } from './recent-scopes.js';
import type { ScopeRecord, TaskRecord } from './records.js';
import type { TraceIdOf } from './trace-ids.js';

/** Most that is kept of one scope: the rest is only counted. */
const MAX_PER_SCOPE = 200;
const MAX_ATTEMPTS = 20;
/** Jobs whose unit of work has not begun. */
const MAX_JOBS = 1_000;

/** Turns what it is told into records: names, ids, moments and the text of errors, and nothing else. */
export class Recorder implements TaskObserver {
  /** The jobs that run in this process for a backend. */
  readonly #jobs = new Map<string, { readonly task: TaskRecord; scope?: ScopeRecord }>();

  constructor(
    private readonly scopes: RecentScopes,
    private readonly gauges: Gauges,
    private readonly own: OwnRoutes,
    private readonly traceIdOf: TraceIdOf,
  ) {}

  scopeOpened({ scope }: TaskEvents['scopeOpened']): void {
    if (this.own.has(scope)) return;
    const { id, kind, parent } = scope;
    const traceId = this.traceIdOf();
    const record: ScopeRecord = {
      id,
      kind,
      serial: this.scopes.nextSerial(),
      description: '',
      begunAt: rounded(scope.begunAt),
      ...(parent && { parent }),
      ...(traceId !== undefined && { traceId }),
      tasks: [],
      resources: [],
      handOvers: [],
    };
    describe(record, scope);
    const job = parent?.taskId === undefined ? undefined : this.#jobs.get(parent.taskId);
    if (job && kind === 'task') {
      record.job = job.task;
      job.scope = record;
    }
    this.scopes.add(record);
  }

  handlerEnded(event: TaskEvents['handlerEnded']): void {
    this.#change(event.scope, (record) => {
      record.handlerEndedAt = rounded(event.at);
      if ('error' in event) record.handlerError = errorRecord(event.error);
    });
  }

  responseClosed({ at, scope, statusCode, aborted }: TaskEvents['responseClosed']): void {
    this.#change(scope, (record) => {
      record.response = { at: rounded(at), aborted, ...(statusCode !== undefined && { statusCode }) };
    });
  }

  scopeClosed({ at, scope, outcome }: TaskEvents['scopeClosed']): void {
    this.#change(scope, (record) => {
      record.closedAt = rounded(at);
      record.hasSucceeded = outcome.succeeded;
    });
  }

  taskAccepted({ at, scope, task }: TaskEvents['taskAccepted']): void {
    this.gauges.taskAccepted(task.id, at);
    if (!scope) return;
    this.#change(scope, (record) => {
      if (!hasRoom(record, record.tasks)) return;
      const added = taskRecord(task, rounded(at));
      this.#complete(added, task);
      record.tasks.push(added);
    });
  }

  taskStarted({ at, scope, task, attempt }: TaskEvents['taskStarted']): void {
    this.gauges.taskLeftQueue(task.id);
    if (!scope) this.#addJob(task);
    this.#changeTask(scope, task, (record) => {
      record.state = 'running';
      // The first and the latest tell the most.
      if (record.attempts.length === MAX_ATTEMPTS) record.attempts.splice(1, 1);
      record.attempts.push({ number: attempt, startedAt: rounded(at) });
    });
  }

  taskRetried({ at, scope, task, state, error, delayMs }: TaskEvents['taskRetried']): void {
    this.#changeTask(scope, task, (record) => {
      record.state = 'retrying';
      const attempt = record.attempts.at(-1);
      if (attempt) Object.assign(attempt, { endedAt: rounded(at), state, error: errorRecord(error), delayMs });
    });
  }

  taskProgressed({ scope, task, value }: TaskEvents['taskProgressed']): void {
    if (typeof value !== 'number') return;
    this.#changeTask(scope, task, (record) => (record.progress = value));
  }

  taskSettled({ at, scope, task, report, reason, isRetried }: TaskEvents['taskSettled']): void {
    const { state } = report;
    this.gauges.taskLeftQueue(task.id);
    if (state === 'failed' || state === 'timed-out') this.gauges.taskFailed(at);
    const error = 'error' in report ? errorRecord(report.error) : undefined;
    this.#changeTask(scope, task, (record) => {
      record.state = state;
      record.settledAt = rounded(at);
      if (reason) record.reason = reason;
      if (isRetried) record.isRetried = true;
      const attempt = record.attempts.at(-1);
      if (attempt && attempt.endedAt === undefined)
        Object.assign(attempt, { endedAt: rounded(at), state, ...(error && { error }) });
      else if (error) record.error = error;
    });
    if (!scope) this.#jobs.delete(task.id);
  }

  handedOver(event: TaskEvents['handedOver']): void {
    const { at, scope, tasks, durationMs } = event;
    this.#change(scope, ({ handOvers }) => {
      if (handOvers.length === MAX_ATTEMPTS) return;
      handOvers.push({
        startedAt: rounded(at - durationMs),
        endedAt: rounded(at),
        taskIds: tasks.slice(0, MAX_PER_SCOPE).map(({ id }) => id),
        ...('error' in event && { error: errorRecord(event.error) }),
      });
    });
  }

  resourceAcquired(event: TaskEvents['resourceAcquired']): void {
    const { at, scope, resource, taskId, durationMs } = event;
    const hasFailed = 'error' in event;
    if (!hasFailed) this.gauges.openResources++;
    this.#change(scope, (record) => {
      if (!hasRoom(record, record.resources)) return;
      record.resources.push({
        id: resource.id,
        name: resource.name,
        release: resource.release,
        ...(taskId !== undefined && { taskId }),
        acquiringAt: rounded(at - durationMs),
        ...(hasFailed ? { acquireError: errorRecord(event.error) } : { acquiredAt: rounded(at) }),
      });
    });
  }

  resourceReleased(event: TaskEvents['resourceReleased']): void {
    const { at, scope, resource, durationMs } = event;
    this.gauges.openResources = Math.max(0, this.gauges.openResources - 1);
    this.#change(scope, ({ resources }) => {
      const record = resources.find(({ id }) => id === resource.id);
      if (!record) return;
      record.releasingAt = rounded(at - durationMs);
      record.releasedAt = rounded(at);
      if ('error' in event) record.releaseError = errorRecord(event.error);
    });
  }

  backendLost({ at, reason }: TaskEvents['backendLost']): void {
    this.gauges.lost = { at: rounded(at), reason };
  }

  backendBack(): void {
    this.gauges.lost = undefined;
  }

  #change(scope: ObservedScope, change: (record: ScopeRecord) => void): void {
    const record = this.scopes.find(scope.id);
    if (!record) return;
    describe(record, scope);
    change(record);
    this.scopes.changed(record);
  }

  #changeTask(scope: ObservedScope | undefined, task: ObservedTask, change: (record: TaskRecord) => void): void {
    const { id } = task;
    if (scope) {
      this.#change(scope, ({ tasks }) => {
        const record = tasks.findLast((each) => each.id === id);
        if (!record) return;
        this.#complete(record, task);
        change(record);
      });
      return;
    }
    const job = this.#jobs.get(id);
    if (!job) return;
    this.#complete(job.task, task);
    change(job.task);
    if (job.scope) this.scopes.changed(job.scope);
  }

  /** Adds what may become known only while the task runs. */
  #complete(record: TaskRecord, task: ObservedTask): void {
    if (task.usesThread) record.usesThread = true;
    if (task.batch) record.batchSize = task.batch.size;
    if (record.traceId !== undefined) return;
    const traceId = this.traceIdOf(task);
    if (traceId !== undefined) record.traceId = traceId;
  }

  #addJob(task: ObservedTask): void {
    if (this.#jobs.has(task.id) || this.#jobs.size >= MAX_JOBS) return;
    this.#jobs.set(task.id, { task: taskRecord(task) });
  }
}

function describe(record: ScopeRecord, { description, method, route }: ObservedScope): void {
  record.description = description;
  if (method !== undefined) record.method = method;
  if (route !== undefined) record.route = route;
}

function taskRecord({ id, name, isNamed, addedBy, place, waitsFor }: ObservedTask, acceptedAt?: number): TaskRecord {
  return {
    id,
    name,
    isNamed,
    ...(addedBy !== undefined && { addedBy }),
    ...(place !== undefined && { place }),
    ...(acceptedAt !== undefined && { acceptedAt }),
    ...(waitsFor && { waitsFor: waitsFor.length }),
    state: 'waiting',
    attempts: [],
  };
}

function hasRoom(record: ScopeRecord, list: readonly unknown[]): boolean {
  if (list.length < MAX_PER_SCOPE) return true;
  record.leftOut = (record.leftOut ?? 0) + 1;
  return false;
}

/** Rounds to microseconds, which is what the clock tells. */
function rounded(at: number): number {
  return Math.round(at * 1_000) / 1_000;
}
