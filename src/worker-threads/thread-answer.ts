import { deserialize } from 'node:v8';
import { unpackError } from './packed-error.js';
import { ThreadModuleNotLoadedError, ThreadValueNotCloneableError, UnknownThreadExportError } from './thread-errors.js';
import type { ThreadAnswer } from './thread-protocol.js';

/** Returns the value that the function returned, or throws what it threw or why it was not called. */
export function readAnswer(serialized: Uint8Array, name: string, module: string): unknown {
  const answer = deserialize(serialized) as ThreadAnswer;
  switch (answer.kind) {
    case 'returned':
      return answer.value;
    case 'threw':
      throw unpackError(answer.error);
    case 'not-loaded':
      throw new ThreadModuleNotLoadedError(name, module, unpackError(answer.error));
    case 'not-cloneable': {
      const kind = answer.type === 'object' ? 'an object' : `a ${answer.type}`;
      throw new ThreadValueNotCloneableError('The result', name, kind);
    }
    case 'unknown-export':
      throw new UnknownThreadExportError(name, module, answer.functions);
  }
}
