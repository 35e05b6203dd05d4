import type { CancelAnswer, NamedTaskReport } from '../contracts/named-task-report.js';
import type { JsonValue } from '../contracts/task-envelope.js';
import type { TaskEvents } from '../contracts/task-events.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import type { TaskReport } from '../contracts/task-report.js';
import { epochMs } from '../observation/clock.js';
import type { NamedTask } from './named-task.js';
import { reportedError, reportedValue } from './reported-value.js';

/**
 * The reports of the named tasks that run in this process for its own requests: of all that have not ended, and of the
 * latest that have.
 */
export class KeptReports implements TaskObserver {
  readonly #open = new Map<string, OpenReport>();
  readonly #ended = new Map<string, NamedTaskReport>();
  readonly #listeners = new Set<(id: string) => void>();

  constructor(
    private readonly capacity: number,
    private readonly maxBytes: number,
  ) {}

  /** Begins to report a task, until it ends or a backend has it. */
  add(task: NamedTask): void {
    const { id, name } = task;
    const report = { id, name, state: 'waiting', attempts: 0, progress: 0, enqueuedAt: moment(epochMs()) } as const;
    this.#open.set(id, { task, report });
  }

  get(id: string): NamedTaskReport | undefined {
    const open = this.#open.get(id);
    return open ? withGroup(open) : this.#ended.get(id);
  }

  watch(changed: (id: string) => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  cancel(id: string): CancelAnswer {
    const task = this.#open.get(id)?.task;
    if (!task) return this.#ended.has(id) ? 'too-late' : 'unknown';
    if (task.cancel()) return 'removed';
    task.run?.cancel();
    return task.isSettled ? 'removed' : 'requested';
  }

  taskStarted({ task: { id }, at, attempt }: TaskEvents['taskStarted']): void {
    this.#change(id, { state: 'running', attempts: attempt, startedAt: moment(at) });
  }

  taskRetried({ task: { id } }: TaskEvents['taskRetried']): void {
    this.#change(id, { state: 'delayed' });
  }

  taskProgressed({ task: { id }, value }: TaskEvents['taskProgressed']): void {
    if (!this.#open.has(id)) return;
    const progress = reportedValue(value, this.maxBytes);
    if (progress.problem === undefined && progress.value !== undefined) this.#change(id, { progress: progress.value });
  }

  taskSettled({ task: { id }, report, at }: TaskEvents['taskSettled']): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    if (report.state !== 'enqueued') {
      this.#ended.set(id, { ...withGroup(open), ...endOf(report, open.task.result), endedAt: moment(at) });
      if (this.#ended.size > this.capacity) this.#ended.delete(this.#ended.keys().next().value!);
    }
    this.#tell(id);
    if (open.task.before !== undefined) this.#tell(open.task.before);
  }

  #change(id: string, change: Partial<NamedTaskReport>): void {
    const open = this.#open.get(id);
    if (!open) return;
    open.report = { ...open.report, ...change };
    this.#tell(id);
  }

  #tell(id: string): void {
    for (const changed of this.#listeners) changed(id);
  }
}

interface OpenReport {
  readonly task: NamedTask;
  report: NamedTaskReport;
}

function withGroup({ task: { group }, report }: OpenReport): NamedTaskReport {
  return group ? { ...report, group: group.progress } : report;
}

/** The part of a report that the end of a task decides. */
function endOf({ state, error }: TaskReport, result: JsonValue | undefined): Partial<NamedTaskReport> {
  if (state === 'succeeded') return { state, ...(result !== undefined && { result }) };
  if (state === 'failed' || state === 'timed-out') return { state: 'failed', error: reportedError(error) };
  return { state: state === 'cancelled' ? state : 'discarded' };
}

function moment(at: number): number {
  return Math.trunc(at);
}
