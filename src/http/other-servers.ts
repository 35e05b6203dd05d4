import type { RawRequest, RawResponse } from '../nest/raw-http.js';
import { onResponseOver } from './response-over.js';

/**
 * The requests that reach the application through a server which Nest did not make: a second port, a serverless
 * platform, `inject()`, or one of the addresses of a name that Fastify listens on. Their servers are not ours to
 * close, so a shutdown waits for requests, not for connections.
 */
export class OtherServers {
  readonly #unanswered = new Set<RawResponse>();
  #answered: (() => void) | undefined;

  constructor(private readonly own: object) {}

  /** The number of requests that have not been answered. */
  get size(): number {
    return this.#unanswered.size;
  }

  /** Takes note of a request, if it came through another server. */
  begun(request: RawRequest, response: RawResponse): void {
    const socket = request.socket as { readonly server?: unknown } | null;
    if (socket?.server === this.own) return;
    this.#unanswered.add(response);
    const responseOver = () => {
      this.#unanswered.delete(response);
      this.#answered?.();
    };
    onResponseOver(request, response, { responseOver });
  }

  /** Resolves once all requests that are in flight now have been answered. More may come all the time. */
  async whenAnswered(): Promise<void> {
    const waitedFor = [...this.#unanswered];
    while (waitedFor.some((response) => this.#unanswered.has(response))) {
      await new Promise<void>((resolve) => (this.#answered = resolve));
    }
  }
}
