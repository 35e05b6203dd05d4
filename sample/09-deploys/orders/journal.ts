import { Injectable } from '@nestjs/common';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Settings } from '../settings.js';

/** Stands for a mail server and a shop system: it remembers what was done, also after the process is gone. */
@Injectable()
export class Journal {
  readonly #file = join(new Settings(process.env).dataDir, 'journal');

  /** Takes a tenth of a second, as a mail does. */
  async write(what: 'mail' | 'invoice', order: string): Promise<void> {
    await setTimeout(100);
    appendFileSync(this.#file, `${what} ${order}\n`);
  }
}
