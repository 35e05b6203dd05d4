import type { Writable } from 'node:stream';
import { isHttp2, type RawResponse } from '../nest/raw-http.js';
import type { RecentScopes } from './recent-scopes.js';
import type { LiveMessage, ScopeRecord } from './records.js';

/** Scopes in one message at most, so that no message blocks the event loop for long. */
const MAX_RECORDS = 100;
/** A stream ends after that, and the page opens another: whoever may no longer see it is refused then. */
const LIFETIME_MS = 5 * 60_000;

/**
 * One open page. It keeps which scopes have changed, not what changed in them: a page that reads slowly gets their latest
 * state later, and costs no more memory than the scopes that are kept.
 */
export class LiveStream {
  readonly #changed: Set<ScopeRecord>;
  readonly #stop: () => void;
  readonly #expiry: NodeJS.Timeout;
  #missed = 0;

  constructor(
    private readonly scopes: RecentScopes,
    private readonly response: RawResponse,
    since: number,
  ) {
    this.#changed = new Set(scopes.since(since));
    this.#stop = scopes.listen({
      changed: (scope) => this.#changed.add(scope),
      removed: (scope) => {
        if (this.#changed.delete(scope)) this.#missed++;
      },
    });
    this.#expiry = setTimeout(() => this.#expire(), LIFETIME_MS).unref();
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** Whether the client has read what it was sent. */
  get hasRoom(): boolean {
    const { writableNeedDrain, writableEnded, destroyed } = this.response as Writable;
    return !writableNeedDrain && !writableEnded && !destroyed;
  }

  send(message: LiveMessage): void {
    const records: ScopeRecord[] = [];
    for (const scope of this.#changed) {
      if (records.length === MAX_RECORDS) break;
      this.#changed.delete(scope);
      records.push(scope);
    }
    const cursor = this.hasChanges ? undefined : this.scopes.revision;
    const missed = this.#missed;
    this.#missed = 0;
    const sent: LiveMessage = { ...message, records, missed, ...(cursor !== undefined && { cursor }) };
    (this.response as Writable).write(`data: ${JSON.stringify(sent)}\n\n`);
  }

  end(message: LiveMessage): void {
    if (this.hasRoom) this.send(message);
    this.response.end();
  }

  /** Ends, or breaks off what a page that has stopped reading would never let end. */
  #expire(): void {
    const { response } = this;
    if (response.writableLength === 0) response.end();
    else if (isHttp2(response)) response.stream.destroy();
    else response.destroy();
  }

  close(): void {
    clearTimeout(this.#expiry);
    this.#stop();
  }
}
