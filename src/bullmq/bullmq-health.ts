import { Inject, Injectable } from '@nestjs/common';
import type { BackendHealth } from '../contracts/task-backend.js';
import { failureReason } from './server/failure-reason.js';
import { QueueServer } from './server/queue-server.js';

/**
 * Checks the server of the queue for a health endpoint, and none of its jobs: a task that has failed for good does not
 * change the report. `BullMqBackend.queue` shows those tasks.
 */
@Injectable()
export class BullMqHealth {
  constructor(@Inject(QueueServer) private readonly server: QueueServer) {}

  /** Never rejects, and takes two seconds at most. */
  async check(): Promise<BackendHealth> {
    const { unavailableBecause } = this.server;
    if (unavailableBecause !== undefined) return this.#down(unavailableBecause);
    try {
      const reasons = [...(await this.server.examine(ANSWER_MS)), ...this.#recentErrors()];
      return { status: reasons.length === 0 ? 'up' : 'degraded', reasons };
    } catch (error) {
      return this.#down(failureReason(error));
    }
  }

  #recentErrors(): string[] {
    const { kind, refusal, workerFaults } = this.server;
    const found: string[] = [];
    if (refusal !== undefined) found.push(`${kind} refused the last task: ${refusal}.`);
    for (const fault of workerFaults.values()) {
      found.push(`The worker met an error, and has taken no task since: ${fault}.`);
    }
    return found;
  }

  #down(reason: string): BackendHealth {
    return { status: 'down', reasons: [`${this.server.kind}: ${reason}`] };
  }
}

/** Milliseconds for the server to answer a check. */
const ANSWER_MS = 2_000;
