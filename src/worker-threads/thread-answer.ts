import { deserialize } from 'node:v8';
import {
  ThreadCrashedError,
  ThreadModuleNotLoadedError,
  ThreadValueNotCloneableError,
  UnknownThreadExportError,
} from './thread-errors.js';
import { errorTypes, type PackedError, type ThreadAnswer } from './thread-protocol.js';

/** Returns what the function returned, or throws what it threw, or why it never got that far. */
export function readAnswer(answer: ThreadAnswer, name: string, module: string): unknown {
  switch (answer.kind) {
    case 'returned':
      return deserialize(answer.value);
    case 'threw':
      throw unpackError(answer.error);
    case 'crashed':
      throw new ThreadCrashedError(name, 'nobody caught an error in it', unpackError(answer.error));
    case 'not-loaded':
      throw new ThreadModuleNotLoadedError(name, module, unpackError(answer.error));
    case 'not-cloneable':
      throw new ThreadValueNotCloneableError(
        'The result',
        name,
        answer.type === 'object' ? 'an object' : `a ${answer.type}`,
      );
    case 'unknown-export':
      throw new UnknownThreadExportError(name, module, answer.functions);
  }
}

/** The error again, with its name, stack, cause and members; a class of its own it has no more. */
export function unpackError(packed: PackedError): unknown {
  if ('value' in packed) return deserialize(packed.value);
  const error = new (errorTypes.get(packed.type) ?? Error)();
  const members = packed.own.map((entry) => deserialize(entry) as [string, unknown]);
  for (const [key, value] of members) define(error, key, value, true);
  const { name, message, stack } = packed.text;
  if (name !== error.name) define(error, 'name', name);
  define(error, 'message', message);
  define(error, 'stack', stack);
  if (packed.cause) define(error, 'cause', unpackError(packed.cause));
  return error;
}

/** Defined rather than assigned, for a key may be `__proto__`. */
function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
}
