import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { type OtlpSpan, printedTrace } from './printed-trace.js';

/** How long a trace has had no new span when it is printed. */
const QUIET_MS = 700;

/** A collector in this process, so that the sample needs none. It takes OTLP over HTTP as JSON, and prints each trace. */
export class Collector {
  readonly #traces = new Map<string, { readonly spans: OtlpSpan[]; readonly timer: NodeJS.Timeout }>();
  readonly #server = createServer((request, response) => void this.#receive(request, response));

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await once(collector.#server.listen(0, '127.0.0.1'), 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  /** Prints what it still has. */
  async stop(): Promise<void> {
    for (const traceId of this.#traces.keys()) this.#print(traceId);
    this.#server.close();
    this.#server.closeIdleConnections();
    await once(this.#server, 'close');
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { resourceSpans } = (await json(request)) as OtlpRequest;
    for (const { scopeSpans } of resourceSpans)
      for (const { spans } of scopeSpans) for (const span of spans) this.#add(span);
    response.setHeader('content-type', 'application/json').end('{}');
  }

  #add(span: OtlpSpan): void {
    const { traceId } = span;
    let known = this.#traces.get(traceId);
    if (!known) {
      known = { spans: [], timer: setTimeout(() => this.#print(traceId), QUIET_MS) };
      this.#traces.set(traceId, known);
    }
    known.spans.push(span);
    known.timer.refresh();
  }

  #print(traceId: string): void {
    const { spans, timer } = this.#traces.get(traceId)!;
    clearTimeout(timer);
    this.#traces.delete(traceId);
    console.log(printedTrace(traceId, spans));
  }
}

interface OtlpRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[] }[];
}
