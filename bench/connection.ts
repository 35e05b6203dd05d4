import type { Server } from 'node:http';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

/**
 * A client's connection within the server's process. Node parses its requests and answers them as it does those of a
 * socket, but nothing passes through the operating system.
 */
export class Connection {
  #answered: ((answer: string) => void) | undefined;
  readonly #stream = new Duplex({
    read: () => undefined,
    write: (answer: Buffer, _encoding, written) => {
      written();
      this.#answered!(answer.toString('latin1'));
    },
  });

  readonly #request: Buffer;

  /** `request`: what it sends each time. */
  constructor(server: Server, request = GET) {
    this.#request = Buffer.from(request);
    // It may wait for its turn.
    server.headersTimeout = server.requestTimeout = 0;
    server.emit('connection', this.#stream);
  }

  async send(): Promise<void> {
    const answered = new Promise<string>((resolve) => (this.#answered = resolve));
    this.#stream.push(this.#request);
    const answer = await answered;
    if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(`Answered: ${answer}`);
    // What the server does after the response belongs to the request.
    await turn();
  }
}
