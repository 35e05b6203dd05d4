import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import type { ObservedScope, ObservedTask, TaskEvents } from '../contracts/task-events.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import type { BackgroundTasksHost } from '../shutdown/background-tasks-host.js';
import { MetricSet } from './metric-set.js';
import { TaskLabels } from './task-labels.js';

/** Turns events into metrics. */
export class TaskMetrics implements TaskObserver {
  readonly #metrics: MetricSet;
  readonly #labels: TaskLabels;
  readonly #acceptedAt = new WeakMap<ObservedTask, number>();
  readonly #answeredAt = new WeakMap<ObservedScope, number>();
  readonly #eventLoop = monitorEventLoopDelay({ resolution: 20 });
  readonly #counters;
  readonly #histograms;
  readonly #batchSizes;
  readonly #gauges;
  #isBackendUp = true;

  constructor(registry: Registry, prefix: string, maxFunctionNames: number, host: BackgroundTasksHost) {
    const metrics = (this.#metrics = new MetricSet(registry, prefix));
    this.#labels = new TaskLabels(maxFunctionNames);
    this.#counters = {
      accepted: metrics.counter('accepted_total', 'Tasks that were added.', ['task']),
      settled: metrics.counter('settled_total', 'Tasks that have ended, by their state.', ['task', 'state']),
      retries: metrics.counter('retries_total', 'Attempts that failed and were made again.', ['task']),
      failedReleases: metrics.counter('failed_releases_total', 'Exits of resources that failed.', ['resource']),
    };
    this.#histograms = {
      wait: metrics.histogram('wait_seconds', 'Time for which a task could have run, and waited.', ['task']),
      duration: metrics.histogram('duration_seconds', 'Time from the start of a task to its end.', ['task']),
      afterResponse: metrics.histogram(
        'after_response_seconds',
        'Time from the end of a response to the end of its tasks and resources.',
        ['kind'],
      ),
    };
    this.#batchSizes = metrics.histogram(
      'batch_size',
      'Tasks that began together, by the reason for which they did.',
      ['task', 'trigger'],
      TASKS,
    );
    this.#gauges = {
      openScopes: metrics.gauge('open_scopes', 'Requests and units of work that have not ended.', ['kind']),
      openResources: metrics.gauge('open_resources', 'Resources that are held.', ['resource']),
    };
    metrics.reading('waiting', 'Tasks that wait.', () => host.stats().waiting);
    metrics.reading('running', 'Tasks that run.', () => host.stats().running);
    metrics.reading('max_pending', 'Tasks that may wait.', () => host.maxPending);
    metrics.reading('oldest_waiting_seconds', 'Time for which the oldest waiting task could have run.', () =>
      inSeconds(host.oldestWaitingMs),
    );
    metrics.reading('draining', '1 while the application shuts down.', () => Number(host.isDraining));
    metrics.reading('backend_up', '1 while the backend takes named tasks.', () => Number(this.#isBackendUp));
    metrics.reading('event_loop_delay_seconds', '99th percentile since the last scrape.', () => this.#readDelay());
    this.#eventLoop.enable();
  }

  /** Takes the metrics out of the registry. */
  remove(): void {
    this.#eventLoop.disable();
    this.#metrics.remove();
  }

  scopeOpened({ scope }: TaskEvents['scopeOpened']): void {
    this.#gauges.openScopes.inc({ kind: scope.kind });
  }

  responseClosed({ at, scope }: TaskEvents['responseClosed']): void {
    this.#answeredAt.set(scope, at);
  }

  scopeClosed({ at, scope }: TaskEvents['scopeClosed']): void {
    this.#gauges.openScopes.dec({ kind: scope.kind });
    const answeredAt = this.#answeredAt.get(scope);
    if (answeredAt !== undefined)
      this.#histograms.afterResponse.observe({ kind: scope.kind }, inSeconds(at - answeredAt));
  }

  taskAccepted({ at, task }: TaskEvents['taskAccepted']): void {
    this.#acceptedAt.set(task, at);
    this.#counters.accepted.inc({ task: this.#labels.of(task) });
  }

  taskStarted({ at, attempt, scope, task }: TaskEvents['taskStarted']): void {
    const acceptedAt = this.#acceptedAt.get(task);
    if (attempt > 1 || acceptedAt === undefined) return;
    const answeredAt = (scope && this.#answeredAt.get(scope)) ?? acceptedAt;
    this.#histograms.wait.observe({ task: this.#labels.of(task) }, inSeconds(at - Math.max(acceptedAt, answeredAt)));
  }

  taskRetried({ task }: TaskEvents['taskRetried']): void {
    this.#counters.retries.inc({ task: this.#labels.of(task) });
  }

  taskSettled({ isRetried, report, task }: TaskEvents['taskSettled']): void {
    const label = this.#labels.of(task);
    this.#counters.settled.inc({ task: label, state: report.state });
    if (isRetried) this.#counters.retries.inc({ task: label });
    if (report.attempts > 0) this.#histograms.duration.observe({ task: label }, inSeconds(report.durationMs));
  }

  batchFlushed({ batch, tasks, trigger }: TaskEvents['batchFlushed']): void {
    this.#batchSizes.observe({ task: batch.name, trigger }, tasks.length);
  }

  resourceAcquired(event: TaskEvents['resourceAcquired']): void {
    if (!hasFailed(event)) this.#gauges.openResources.inc({ resource: event.resource.name });
  }

  resourceReleased(event: TaskEvents['resourceReleased']): void {
    const labels = { resource: event.resource.name };
    this.#gauges.openResources.dec(labels);
    if (hasFailed(event)) this.#counters.failedReleases.inc(labels);
  }

  backendLost(): void {
    this.#isBackendUp = false;
  }

  backendBack(): void {
    this.#isBackendUp = true;
  }

  #readDelay(): number {
    const delay = this.#eventLoop.percentile(99);
    this.#eventLoop.reset();
    return delay / 1e9;
  }
}

/** The upper bounds of the sizes of batches. */
const TASKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/** Whether the event has an error. What was thrown may be `undefined`. */
function hasFailed(event: { readonly error?: unknown }): boolean {
  return 'error' in event;
}

function inSeconds(ms: number): number {
  return ms / 1_000;
}
