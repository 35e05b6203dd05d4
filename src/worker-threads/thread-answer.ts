import { deserialize } from 'node:v8';
import { ThreadModuleNotLoadedError, ThreadValueNotCloneableError, UnknownThreadExportError } from './thread-errors.js';
import type { PackedError, ThreadAnswer } from './thread-protocol.js';

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

/** Restores a thrown value. An error has its name, stack, cause and members again, but not its own class. */
export function unpackError(packed: PackedError): unknown {
  if (!packed.error) return packed.value;
  const { error, name, members, cause } = packed;
  const hidden = { writable: true, configurable: true };
  // Defined instead of assigned, because a key may be `__proto__`.
  Object.defineProperties(error, Object.getOwnPropertyDescriptors(members));
  if (name !== error.name) Object.defineProperty(error, 'name', { value: name, ...hidden });
  if (cause) Object.defineProperty(error, 'cause', { value: unpackError(cause), ...hidden });
  return error;
}
