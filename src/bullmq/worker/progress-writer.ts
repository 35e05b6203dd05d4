/**
 * Stores the progress of one run, one value after another: two that are stored at a time may end in either order. Of
 * several that come while one is being stored, the last is stored next.
 */
export class ProgressWriter {
  #next: { readonly value: unknown } | undefined;
  #writing: Promise<void> | undefined;

  /** `write` never rejects. */
  constructor(private readonly write: (value: unknown) => Promise<void>) {}

  put(value: unknown): void {
    this.#next = { value };
    this.#writing ??= this.#writeAll();
  }

  /** Resolves once the last value is stored; `undefined` if it is. */
  get stored(): Promise<void> | undefined {
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#next) {
      const { value } = this.#next;
      this.#next = undefined;
      await this.write(value);
    }
    this.#writing = undefined;
  }
}
