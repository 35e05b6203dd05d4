import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** An HTTP client that is nothing but a socket: the test decides every byte, and when to hang up. */
export class RawClient {
  readonly closed: Promise<void>;
  #unread = '';
  readonly #waiting: { readonly text: string; readonly found: () => void }[] = [];

  private constructor(private readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    // The server may reset the connection that a test is about to drop.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      // Of a body of megabytes nobody waits for more than the end.
      if (this.#unread.length > 100_000) this.#unread = this.#unread.slice(-1_000);
      this.#unread += chunk.toString('latin1');
      this.#look();
    });
  }

  /** Connects to a server of this machine; the socket is destroyed when the test ends. */
  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1' });
    const client = new RawClient(socket);
    onTestFinished(() => client.destroy());
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return client;
  }

  write(bytes: string): this {
    this.socket.write(bytes);
    return this;
  }

  /** Writes a request without a body. Several in one call are pipelined. */
  request(...lines: readonly string[]): this {
    return this.write(lines.map((line) => `${line} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
  }

  /** Resolves once the text has arrived after what earlier calls waited for. */
  async receive(text: string): Promise<void> {
    const found = new Promise<void>((resolve) => this.#waiting.push({ text, found: resolve }));
    this.#look();
    await found;
  }

  /** Stops reading, so that the buffers of both sides fill up. */
  pause(): this {
    this.socket.pause();
    return this;
  }

  resume(): this {
    this.socket.resume();
    return this;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #look(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const index = this.#unread.indexOf(next.text);
      if (index === -1) return;
      this.#unread = this.#unread.slice(index + next.text.length);
      this.#waiting.shift();
      next.found();
    }
  }
}
