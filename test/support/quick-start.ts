import { beforeAll, onTestFinished } from 'vitest';
import { SampleProcess, startSample } from './sample-process.js';

export const samplePlatforms = ['express', 'fastify'] as const;

/** A request as one of the printed curl lines describes it. */
export interface CurlLine {
  readonly path: string;
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Record<string, string> };
}

export interface TimelineEvent {
  readonly stage: 'request' | 'handler' | 'response' | 'task' | 'disposal';
  readonly atMs: number;
  readonly text: string;
}

/** What a request led to. */
export interface Answered {
  readonly status: number;
  readonly body: { readonly message?: unknown };
  /** Resolves once the request is closed, with everything that happened in it. */
  timeline(): Promise<TimelineEvent[]>;
}

/** The quick start. */
export class QuickStart extends SampleProcess {
  get url(): string {
    return /Open (http:\S+) /.exec(this.log)![1]!;
  }

  get curlLines(): readonly CurlLine[] {
    return this.shellLines.map(parseCurl);
  }

  async post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const json =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return this.send({
      path,
      url: `${this.url}${path}`,
      init: { method: 'POST', ...json, headers: { ...json.headers, ...headers } },
    });
  }

  async send({ url, init }: CurlLine): Promise<Answered> {
    const response = await fetch(url, init);
    const body = (await response.json()) as Answered['body'];
    const id = response.headers.get('x-request-id');
    return { status: response.status, body, timeline: () => this.#timeline(id!) };
  }

  async #timeline(id: string): Promise<TimelineEvent[]> {
    const response = await fetch(`${this.url}/timeline/${id}`);
    const stream = await response.text();
    return [...stream.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as TimelineEvent);
  }
}

/** One sample for all tests of a `describe`, which must leave it as usable as they found it. */
export function sharedQuickStart(settings: Record<string, string>): () => QuickStart {
  let sample: QuickStart;
  beforeAll(async () => {
    let end!: () => Promise<void>;
    sample = await startQuickStart(settings, (callback) => (end = callback));
    return end;
  });
  return () => sample;
}

/** Starts the sample, and waits until it can be used. */
export async function startQuickStart(
  settings: Record<string, string> = {},
  onEnd: (callback: () => Promise<void>) => void = onTestFinished,
): Promise<QuickStart> {
  const sample = await startSample(QuickStart, '01-quick-start/main', settings, onEnd);
  await sample.printed(/Ctrl\+C/);
  return sample;
}

function parseCurl(line: string): CurlLine {
  const [, method, url] = /curl -X (\S+) (\S+)/.exec(line)!;
  const headers = Object.fromEntries(
    [...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name!, value!]),
  );
  const body = /-d '([^']+)'/.exec(line)?.[1];
  return { path: new URL(url!).pathname, url: url!, init: { method: method!, headers, ...(body && { body }) } };
}
