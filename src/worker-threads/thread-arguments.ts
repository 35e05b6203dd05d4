import { DefaultSerializer } from 'node:v8';
import { describeKind } from '../errors/describe-value.js';
import { isInstance } from '../errors/safely.js';
import { isCloneable } from './packed-error.js';
import { ThreadArgumentsTooLargeError, ThreadValueNotCloneableError } from './thread-errors.js';

/**
 * Serializes the arguments of a call. Structured clone would not tell the size, would turn a Buffer into a Uint8Array
 * and would share shared memory (tests "B37 an argument that cannot go to a thread", "in which a Buffer is a Buffer").
 * Without `copiesViews` it only checks the arguments: the result lacks the bytes of Buffers.
 *
 * @throws THREAD_VALUE_NOT_CLONEABLE, THREAD_ARGUMENTS_TOO_LARGE
 */
export function serializeArguments(
  name: string,
  args: readonly unknown[],
  maxBytes: number,
  copiesViews = true,
): Uint8Array<ArrayBuffer> {
  let viewBytes = 0;
  const checkSize = (bytes: number): void => {
    if (bytes > maxBytes) throw new ThreadArgumentsTooLargeError(name, maxBytes);
  };
  class ArgumentSerializer extends Serializer {
    override _writeHostObject(view: ArrayBufferView): void {
      // The serializer itself refuses anything else.
      if (!ArrayBuffer.isView(view)) return super._writeHostObject(view);
      viewBytes += view.byteLength;
      checkSize(viewBytes);
      if (copiesViews) super._writeHostObject(view);
    }
  }
  const serializer = new ArgumentSerializer();
  try {
    serializer.writeHeader();
    serializer.writeValue(args);
  } catch (error) {
    if (isInstance(error, ThreadArgumentsTooLargeError)) throw error;
    const index = args.findIndex((arg) => !isCloneable(arg));
    // A getter may throw once and never again.
    const what = index === -1 ? 'An argument' : `Argument ${index + 1}`;
    // The error of the serializer is not the cause here, because it shows the value.
    throw new ThreadValueNotCloneableError(what, name, describeKind(args[index]));
  }
  const bytes = serializer.releaseBuffer();
  checkSize(bytes.byteLength + (copiesViews ? 0 : viewBytes));
  return bytes;
}

/** Node documents `_writeHostObject`, which writes a Buffer, typed array or DataView, but its types leave it out. */
const Serializer = DefaultSerializer as new () => DefaultSerializer & { _writeHostObject(view: ArrayBufferView): void };
