import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server';
import { Settings } from '../settings/settings.js';

/** A mail server in this process, so that the sample needs none. Idle where SMTP_URL names a real one. */
@Injectable()
export class Inbox implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('Inbox');
  readonly #server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      this.#receive(stream).then(() => done(), done);
    },
  });

  constructor(private readonly settings: Settings) {}

  get url(): string {
    const { port } = this.#server.server.address() as AddressInfo;
    return `smtp://127.0.0.1:${port}`;
  }

  async onModuleInit(): Promise<void> {
    if (this.settings.smtpUrl) return;
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server.server, 'listening');
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#server.server.listening) await new Promise<void>((resolve) => this.#server.close(resolve));
  }

  async #receive(stream: SMTPServerDataStream): Promise<void> {
    const [head = ''] = (await text(stream)).split('\r\n\r\n');
    const lines = head.split('\r\n').filter((line) => /^(to|subject):/i.test(line));
    this.#logger.log(`Received a mail (${lines.join(', ')})`);
  }
}
