import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { checkAll, count, milliseconds } from '../options/checks.js';
import { type BackgroundTasksHealth, BackgroundTasksHost } from '../shutdown/background-tasks-host.js';

/** The limits above which the tasks of a process are down. */
export interface BackgroundTasksHealthLimits {
  /** Number of tasks that may wait. @default `maxPending`, at which new tasks are refused */
  readonly maxWaiting?: number;
  /** Milliseconds that the oldest waiting task may have waited since it could run. @default none */
  readonly maxOldestWaitingMs?: number;
}

/**
 * Tells a health check how the tasks of this process are. It is `down` while the application drains, while the backend
 * takes no tasks and while too much waits; `degraded` while the backend is. Use it for readiness, and not for liveness: a
 * restart mends none of these.
 */
@Injectable()
export class BackgroundTasksHealthIndicator {
  constructor(
    @Inject(BackgroundTasksHost) private readonly host: BackgroundTasksHost,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  /** Checks now. Takes as long as the backend takes to answer: two seconds at most on BullMQ. @throws INVALID_OPTION */
  async check<const Key extends string>(
    key: Key,
    limits: BackgroundTasksHealthLimits = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const checked = checkAll<BackgroundTasksHealthLimits>('', limits, {
      maxWaiting: count,
      maxOldestWaitingMs: milliseconds,
    });
    const health = await this.host.health();
    const { backend, ...rest } = health;
    const faults = faultsOf(health, checked);
    const reasons = [...faults, ...backend.reasons];
    const data = { ...rest, backend: backend.status, ...(reasons.length > 0 && { reasons }) };
    const indicator = this.indicators.check(key);
    if (faults.length > 0 || backend.status === 'down') return indicator.down(data);
    return backend.status === 'degraded' ? indicator.degraded(data) : indicator.up(data);
  }
}

function faultsOf(health: BackgroundTasksHealth, limits: BackgroundTasksHealthLimits): string[] {
  const { isDraining, maxPending, oldestWaitingMs, waiting } = health;
  const { maxWaiting = maxPending, maxOldestWaitingMs = Infinity } = limits;
  const faults: string[] = [];
  if (isDraining) faults.push('The application is shutting down.');
  if (waiting >= maxWaiting) faults.push(`${waiting} tasks wait; the limit is ${maxWaiting}.`);
  if (oldestWaitingMs > maxOldestWaitingMs)
    faults.push(`A task has waited for ${oldestWaitingMs} ms; the limit is ${maxOldestWaitingMs} ms.`);
  return faults;
}
