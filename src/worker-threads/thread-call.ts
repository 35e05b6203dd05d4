import { deserialize } from 'node:v8';
import { unpackError } from './packed-error.js';
import {
  ThreadCancelledError,
  ThreadModuleNotLoadedError,
  ThreadValueNotCloneableError,
  UnknownThreadExportError,
} from './thread-errors.js';
import { ANSWERED, type ThreadAnswer } from './thread-protocol.js';

/** A call of a thread function that has no result yet. Its signal aborts with the error that the call rejects with. */
export class ThreadCall extends AbortController {
  /** Memory shared with the thread: 0, then BEGUN, then ANSWERED. */
  readonly progress = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

  constructor(
    readonly module: string,
    readonly name: string,
    readonly args: readonly unknown[],
  ) {
    super();
  }

  /** Whether code of the module may have run: then the call is not made again. */
  get hasBegun(): boolean {
    return Atomics.load(this.progress, 0) !== 0;
  }

  cancel(reason: unknown): void {
    this.abort(new ThreadCancelledError(this.name, reason));
  }

  /** Returns the value that the function returned, or throws its error or the reason why it was not called. */
  readAnswer(serialized: Uint8Array): unknown {
    // The thread waits for this before it exits.
    Atomics.store(this.progress, 0, ANSWERED);
    Atomics.notify(this.progress, 0);
    const answer = deserialize(serialized) as ThreadAnswer;
    switch (answer.kind) {
      case 'returned':
        return answer.value;
      case 'threw':
        throw unpackError(answer.error);
      case 'not-loaded':
        throw new ThreadModuleNotLoadedError(this.name, this.module, unpackError(answer.error));
      case 'not-cloneable': {
        const kind = answer.type === 'object' ? 'an object' : `a ${answer.type}`;
        throw new ThreadValueNotCloneableError('The result', this.name, kind);
      }
      case 'unknown-export':
        throw new UnknownThreadExportError(this.name, this.module, answer.functions);
    }
  }
}
