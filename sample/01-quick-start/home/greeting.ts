import { Injectable } from '@nestjs/common';
import { ServerAddress } from '../../server-address.js';
import { Settings } from '../settings/settings.js';

/** What to do next, for whoever has just started the application. */
@Injectable()
export class Greeting {
  constructor(
    private readonly address: ServerAddress,
    private readonly settings: Settings,
  ) {}

  print(): void {
    console.log(this.#text(this.address.url));
  }

  #text(url: string): string {
    const json = `-H 'content-type: application/json'`;
    return `
Ready on ${this.settings.platform}. Open ${url} in a browser, or paste one of these:

  curl -X POST ${url}/users ${json} -d '{"email":"ada@example.com"}'
  curl -X POST ${url}/items/7 ${json} -d '{"name":"lamp"}'
  curl -X POST ${url}/orders/42/notify
  curl -X POST ${url}/report -H 'authorization: Bearer ada-token'

Each answers at once; what it leads to appears below, and as a picture at ${url}/background-tasks. Ctrl+C finishes what has begun, then stops.
`;
  }
}
