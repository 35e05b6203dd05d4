import type { EnqueuedTask, NamedTaskReport, NamedTaskRunner } from '../../src/backend/index.js';
import type { TaskReport } from '../../src/index.js';

/** A fault of a backend: what it does wrong. */
export type Fault =
  | 'drops a task of a batch'
  | 'runs a task of a batch twice'
  | 'leaves tasks to this process too late'
  | 'loses the context'
  | 'loses what comes before start()'
  | 'keeps tasks for itself until it starts'
  | 'ignores idempotency keys'
  | 'ignores the name of a key'
  | 'counts attempts from 1 again'
  | 'retries what has one attempt'
  | 'retries at once'
  | 'tells no willRetry()'
  | 'ignores handlersLoaded()'
  | 'keeps unknown names for itself'
  | 'starts tasks after pause()'
  | 'refuses tasks after pause()'
  | 'fails what the shutdown interrupted'
  | 'counts what the shutdown interrupted'
  | 'refuses no settings'
  | 'refuses all settings'
  | 'is down until its first outage'
  | 'finds what nobody enqueued'
  | 'finds only what has ended'
  | 'keeps no results'
  | 'keeps no errors'
  | 'cancels what nobody enqueued'
  | 'runs what was cancelled'
  | 'never tells the runner to cancel'
  | 'removes what has ended'
  | 'waits for a group for a while'
  | 'forgets how a group ended'
  | 'runs what is not committed'
  | 'runs what rolls back'
  | 'hides an outage'
  | 'is ready in an outage'
  | 'accepts in an outage'
  | 'is up in an outage'
  | 'forgets in an outage';

/** What the backends of one queue share: all processes see it, and it can go away. */
export class Storage {
  readonly jobs: Job[] = [];
  readonly watchers = new Set<{ changed(): void }>();
  isLost = false;
  wasLost = false;

  lose(): void {
    this.isLost = this.wasLost = true;
    for (const each of this.watchers) each.changed();
  }

  restore(): void {
    this.isLost = false;
    for (const each of this.watchers) each.changed();
  }
}

/** A transaction on a storage, as a check is given it. */
export class StoredTransaction {
  readonly ended: ((isCommitted: boolean) => void)[] = [];
  isOver = false;

  query(): Promise<void> {
    return Promise.resolve();
  }

  end(isCommitted: boolean): void {
    this.isOver = true;
    for (const each of this.ended) each(isCommitted);
  }
}

export interface Job {
  readonly task: EnqueuedTask;
  readonly owner: object;
  isOverdue: boolean;
  boundTo?: object;
  attempts: number;
  notBefore: number;
  state: NamedTaskReport['state'];
  report?: TaskReport;
  result?: NamedTaskReport['result'];
  progress?: NamedTaskReport['progress'];
  endedAt?: number;
  runner?: NamedTaskRunner | undefined;
}

/** The report of a job, for what the core and groups ask. */
export function reportOf(job: Job | undefined, id: string): NamedTaskReport {
  const { state = 'waiting', attempts = 0, progress = 0, result, endedAt, report } = job ?? {};
  const { name = 'Error', message = 'unknown' } = (report?.error ?? {}) as Partial<Error>;
  return {
    id,
    name: job?.task.envelope.name ?? 'nothing',
    state,
    attempts,
    progress,
    enqueuedAt: 0,
    ...(result !== undefined && { result }),
    ...(endedAt !== undefined && { endedAt }),
    ...(state === 'failed' && { error: { name, message } }),
  };
}
