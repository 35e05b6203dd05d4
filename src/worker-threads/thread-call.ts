import { ThreadCancelledError } from './thread-errors.js';
import { ANSWERED } from './thread-protocol.js';

/** A call of a thread function that has no result yet. Its signal aborts with the error that the call rejects with. */
export class ThreadCall extends AbortController {
  /** Memory shared with the thread: 0, then BEGUN, then ANSWERED. */
  readonly progress = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

  constructor(readonly name: string) {
    super();
  }

  /** Whether code of the module may have run: then the call is not made again. */
  get hasBegun(): boolean {
    return Atomics.load(this.progress, 0) !== 0;
  }

  /** Lets the thread know that its answer has arrived. */
  confirmAnswer(): void {
    Atomics.store(this.progress, 0, ANSWERED);
    Atomics.notify(this.progress, 0);
  }

  cancel(reason: unknown): void {
    this.abort(new ThreadCancelledError(this.name, reason));
  }
}
