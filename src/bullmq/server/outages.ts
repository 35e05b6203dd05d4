import type { BackendListener } from '../../contracts/task-backend.js';
import type { BullMqLog } from '../bullmq-log.js';
import type { LinkState } from './link-state.js';

/** Tells the log, and a listener, when the server takes no tasks, and when it takes them again. */
export class Outages {
  #listener: BackendListener | undefined;

  constructor(
    private readonly log: BullMqLog,
    private state: LinkState,
  ) {}

  /** Tells the listener from now on, and at once if the server takes no tasks now. */
  watch(listener: BackendListener): void {
    this.#listener = listener;
    this.#tell();
  }

  entered(state: LinkState): void {
    this.state = state;
    if (state.name === 'up') this.log.outageEnded();
    if (state.name === 'down') this.log.outageBegan(state.reason);
    this.#tell();
  }

  #tell(): void {
    const { name, reason } = this.state;
    if (name === 'up') this.#listener?.back();
    else if (name !== 'closed') this.#listener?.lost(reason);
  }
}
