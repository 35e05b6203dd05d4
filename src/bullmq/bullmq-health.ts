import type { BullMqBackend } from './bullmq.backend.js';
import { failureReason } from './server/failure-reason.js';
import type { JobServer } from './server/job-server.js';
import { answeredWithin } from './server/time-limit.js';

/** How it is with the server of the queue. */
export interface BullMqHealthReport {
  /** `down`: tasks are refused, or run in this process where `fallback` says so. `degraded`: they are accepted, and the server may lose them. */
  readonly status: 'up' | 'degraded' | 'down';
  /** What is wrong, and what to do about it; empty when nothing is. */
  readonly reasons: readonly string[];
}

/** The server has that long to answer a check. */
const ANSWER_MS = 2_000;

/**
 * Looks at the server of the queue, for a health endpoint; not at its jobs. A task that has failed for
 * good leaves it up, and keeps its idempotency key while it is kept: `BullMqBackend.queue` shows those.
 */
export class BullMqHealth {
  constructor(
    private readonly backend: BullMqBackend,
    private readonly server: JobServer,
  ) {}

  /** Never rejects, and takes two seconds at most. */
  async check(): Promise<BullMqHealthReport> {
    const { unavailableBecause } = this.backend;
    if (unavailableBecause !== undefined) return this.#down(unavailableBecause);
    try {
      const reasons = await answeredWithin(this.server.findWeaknesses(), ANSWER_MS);
      return { status: reasons.length === 0 ? 'up' : 'degraded', reasons };
    } catch (error) {
      return this.#down(failureReason(error));
    }
  }

  #down(reason: string): BullMqHealthReport {
    return { status: 'down', reasons: [`${this.server.kind}: ${reason}`] };
  }
}
