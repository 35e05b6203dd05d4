import { Injectable } from '@nestjs/common';
import { BullMqBackend } from './bullmq.backend.js';
import { failureReason } from './failure-reason.js';
import { JobServer } from './job-server.js';

/** How it is with the server of the queue. */
export interface BullMqHealthReport {
  /** `down`: tasks are refused. `degraded`: they are accepted, and the server may lose them. */
  readonly status: 'up' | 'degraded' | 'down';
  /** What is wrong, and what to do about it; empty when nothing is. */
  readonly reasons: readonly string[];
}

/** The server has that long to answer a check. */
const ANSWER_MS = 2_000;

/** Looks at the server of the queue, for a health endpoint. */
@Injectable()
export class BullMqHealth {
  constructor(
    private readonly backend: BullMqBackend,
    private readonly server: JobServer,
  ) {}

  /** Never rejects, and takes two seconds at most. */
  async check(): Promise<BullMqHealthReport> {
    const { unavailableBecause } = this.backend;
    if (unavailableBecause !== undefined) return this.#down(unavailableBecause);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`it did not answer in ${ANSWER_MS} ms`)), ANSWER_MS);
    });
    try {
      const reasons = await Promise.race([this.server.findWeaknesses(), late]);
      return { status: reasons.length === 0 ? 'up' : 'degraded', reasons };
    } catch (error) {
      return this.#down(failureReason(error));
    } finally {
      clearTimeout(timer);
    }
  }

  #down(reason: string): BullMqHealthReport {
    return { status: 'down', reasons: [`${this.server.kind}: ${reason}`] };
  }
}
