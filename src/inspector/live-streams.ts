import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { RawResponse } from '../nest/raw-http.js';
import { Gauges } from './gauges.js';
import { LiveStream } from './live-stream.js';
import { RecentScopes } from './recent-scopes.js';
import type { LiveMessage } from './records.js';

/** Time between two sendings of changes. Those of one scope in between are sent as one. */
const INTERVAL_MS = 100;
/** Time between two sendings of the figures of the strip. */
const STATUS_INTERVAL_MS = 1_000;
const MAX_STREAMS = 20;

/** The open pages. Nothing is counted, timed or kept while there is none. */
@Injectable()
export class LiveStreams {
  /** Tells this start of the process from others, whose cursors mean nothing here. */
  readonly runId = randomUUID();
  readonly #streams = new Set<LiveStream>();
  #timer: NodeJS.Timeout | undefined;
  #stopMeasuring: (() => void) | undefined;
  #statusAt = 0;

  constructor(
    @Inject(RecentScopes) private readonly scopes: RecentScopes,
    @Inject(Gauges) private readonly gauges: Gauges,
  ) {}

  get isFull(): boolean {
    return this.#streams.size >= MAX_STREAMS;
  }

  /** Sends what changed after `since`, and then whatever changes. The headers have been sent. */
  open(response: RawResponse, since: number): void {
    const stream = new LiveStream(this.scopes, response, since);
    this.#streams.add(stream);
    response.once('close', () => this.#close(stream));
    // Its connection may break while it is written to.
    response.on('error', () => this.#close(stream));
    this.#stopMeasuring ??= this.gauges.watch();
    this.#timer ??= setInterval(() => this.#flush(), INTERVAL_MS).unref();
    stream.send(this.message([]));
  }

  message(records: LiveMessage['records']): LiveMessage {
    const { runId } = this;
    return { runId, capacity: this.scopes.capacity, status: this.gauges.read(), records, missed: 0 };
  }

  /** Ends all streams because the application shuts down. */
  end(): void {
    const message = this.message([]);
    const status = { ...message.status, isDraining: true };
    for (const stream of this.#streams) stream.end({ ...message, status });
  }

  #flush(): void {
    const now = performance.now();
    const isStatusDue = now - this.#statusAt >= STATUS_INTERVAL_MS;
    const streams = [...this.#streams].filter((stream) => stream.hasRoom && (isStatusDue || stream.hasChanges));
    if (isStatusDue) this.#statusAt = now;
    if (streams.length === 0) return;
    const message = this.message([]);
    for (const stream of streams) stream.send(message);
  }

  #close(stream: LiveStream): void {
    stream.close();
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stopMeasuring?.();
    this.#stopMeasuring = undefined;
  }
}
