import type { BackendListener } from '../contracts/task-backend.js';
import type { ObservedEvents } from '../observation/observation.js';

/** Tells the observers when the backend accepts no tasks, and when it does again. */
export class BackendWatch implements BackendListener {
  #lostAt: number | undefined;

  constructor(private readonly events: ObservedEvents) {}

  lost(reason: string): void {
    if (this.#lostAt !== undefined) return;
    this.#lostAt = performance.now();
    const { backendLost } = this.events;
    if (backendLost.isHeard) backendLost.tell({ reason });
  }

  back(): void {
    if (this.#lostAt === undefined) return;
    const durationMs = performance.now() - this.#lostAt;
    this.#lostAt = undefined;
    const { backendBack } = this.events;
    if (backendBack.isHeard) backendBack.tell({ durationMs });
  }
}
