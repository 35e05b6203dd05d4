import { DefaultSerializer } from 'node:v8';
import { describeKind } from '../errors/describe-value.js';
import { ThreadArgumentsTooLargeError, ThreadValueNotCloneableError } from './thread-errors.js';

/** Copies the arguments of a call. Throws THREAD_VALUE_NOT_CLONEABLE or THREAD_ARGUMENTS_TOO_LARGE. */
export function copyArguments(name: string, args: readonly unknown[], maxBytes: number): Uint8Array<ArrayBuffer> {
  return written(new ArgumentWriter(name, maxBytes, true), args);
}

/** Throws what {@link copyArguments} would, without a copy of what Buffers hold. */
export function checkThreadArguments(name: string, args: readonly unknown[], maxBytes: number): void {
  written(new ArgumentWriter(name, maxBytes, false), args);
}

function written(writer: ArgumentWriter, args: readonly unknown[]): Uint8Array<ArrayBuffer> {
  writer.writeHeader();
  writer.writeArguments(args);
  return writer.finish();
}

/** What Node documents and its types leave out: called for each Buffer, typed array and DataView. */
interface ViewWriter {
  _writeHostObject(view: ArrayBufferView): void;
}

const Serializer = DefaultSerializer as new () => DefaultSerializer & ViewWriter;

/**
 * Node's own serializer rather than `postMessage()`: it tells the size, it refuses where the call is
 * made, and a Buffer arrives as a Buffer.
 */
class ArgumentWriter extends Serializer {
  #viewBytes = 0;

  constructor(
    private readonly functionName: string,
    private readonly maxBytes: number,
    private readonly copiesViews: boolean,
  ) {
    super();
  }

  writeArguments(args: readonly unknown[]): void {
    try {
      this.writeValue(args);
    } catch (error) {
      if (error instanceof ThreadArgumentsTooLargeError) throw error;
      const index = args.findIndex((arg) => !isCloneable(arg));
      // The error of the serializer shows the value.
      throw new ThreadValueNotCloneableError(`Argument ${index + 1}`, this.functionName, describeKind(args[index]));
    }
  }

  finish(): Uint8Array<ArrayBuffer> {
    const bytes = this.releaseBuffer();
    if (bytes.byteLength + (this.copiesViews ? 0 : this.#viewBytes) > this.maxBytes) this.#refuse();
    return bytes;
  }

  override _writeHostObject(view: ArrayBufferView): void {
    // What is no view is refused by the serializer itself.
    if (!ArrayBuffer.isView(view)) return super._writeHostObject(view);
    this.#viewBytes += view.byteLength;
    if (this.#viewBytes > this.maxBytes) this.#refuse();
    if (this.copiesViews) super._writeHostObject(view);
  }

  #refuse(): never {
    throw new ThreadArgumentsTooLargeError(this.functionName, this.maxBytes);
  }
}

function isCloneable(value: unknown): boolean {
  try {
    const serializer = new DefaultSerializer();
    serializer.writeHeader();
    serializer.writeValue(value);
    return true;
  } catch {
    return false;
  }
}
