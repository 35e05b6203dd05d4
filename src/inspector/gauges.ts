import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { TaskEngine } from '../execution/task-engine.js';
import { epochMs } from '../observation/clock.js';
import type { BackgroundTasksHost } from '../shutdown/background-tasks-host.js';
import type { InspectorStatus } from './records.js';

const MINUTE_MS = 60_000;
/** Failures that are remembered for a minute at most. */
const MAX_FAILURES = 10_000;

/** The figures of the strip at the top of the page. */
export class Gauges {
  /** The tasks that wait and when they were added, the oldest first. */
  readonly #waiting = new Map<string, number>();
  readonly #failures: number[] = [];
  #delay: IntervalHistogram | undefined;
  #viewers = 0;
  openResources = 0;
  lost: InspectorStatus['lost'];

  constructor(
    private readonly engine: TaskEngine,
    private readonly host: BackgroundTasksHost,
  ) {}

  taskAccepted(id: string, at: number): void {
    this.#waiting.set(id, at);
  }

  taskLeftQueue(id: string): void {
    this.#waiting.delete(id);
  }

  taskFailed(at: number): void {
    this.#failures.push(at);
    if (this.#failures.length > MAX_FAILURES) this.#failures.shift();
  }

  /** Measures the delay of the event loop from now on, until the function it returns is called. */
  watch(): () => void {
    this.#viewers++;
    if (!this.#delay) {
      this.#delay = monitorEventLoopDelay({ resolution: 20 });
      this.#delay.enable();
    }
    return () => {
      if (--this.#viewers > 0) return;
      this.#delay?.disable();
      this.#delay = undefined;
    };
  }

  read(): InspectorStatus {
    const at = epochMs();
    const { waiting, running } = this.host.stats();
    const { maxPending } = this.engine.options;
    const [oldestAt] = this.#waiting.values();
    while (this.#failures.length > 0 && this.#failures[0]! < at - MINUTE_MS) this.#failures.shift();
    return {
      at,
      running,
      waiting,
      ...(Number.isFinite(maxPending) && { maxPending }),
      ...(oldestAt !== undefined && { oldestAt }),
      failedLastMinute: this.#failures.length,
      openResources: this.openResources,
      eventLoopDelayMs: this.#readDelay(),
      isDraining: this.host.isDraining,
      ...(this.lost && { lost: this.lost }),
    };
  }

  /** The longest delay since the last time it was read, beyond the interval in which it is measured. */
  #readDelay(): number {
    const delayMs = this.#delay && this.#delay.count > 0 ? this.#delay.max / 1e6 - 20 : 0;
    this.#delay?.reset();
    return Math.max(0, Math.round(delayMs * 10) / 10);
  }
}
