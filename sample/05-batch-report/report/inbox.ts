import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server';

/** A mail server in this process, so that the sample needs none. It starts with the first mail. */
@Injectable()
export class Inbox implements OnApplicationShutdown {
  readonly #logger = new Logger('Inbox');
  readonly #server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      this.#receive(stream).then(() => done(), done);
    },
  });
  #url: Promise<string> | undefined;

  url(): Promise<string> {
    return (this.#url ??= this.#listen());
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#url) await new Promise<void>((resolve) => this.#server.close(resolve));
  }

  async #listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server.server, 'listening');
    const { port } = this.#server.server.address() as AddressInfo;
    return `smtp://127.0.0.1:${port}`;
  }

  async #receive(stream: SMTPServerDataStream): Promise<void> {
    const mail = await text(stream);
    const [, to] = /^to: (.*)$/im.exec(mail) ?? [];
    const [, attached] = /filename=(\S+)/.exec(mail) ?? [];
    this.#logger.log(`Received a mail to ${to?.trim()} with ${attached}`);
  }
}
