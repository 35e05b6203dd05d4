import { Injectable, Logger } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { Timeline, type TimelineEvent } from './timeline.js';

/** Ties together what belongs to one request, across processes as well. */
export const REQUEST_ID = 'x-request-id';

/** How many requests are remembered, for the page to look at. */
const KEPT = 100;

@Injectable()
export class Timelines {
  readonly #logger = new Logger('Timeline');
  readonly #kept = new Map<string, Timeline>();
  #count = 0;

  begin(): Timeline {
    const timeline = new Timeline(String(++this.#count), this.#log);
    this.#kept.set(timeline.id, timeline);
    this.#kept.delete(String(this.#count - KEPT));
    return timeline;
  }

  find(id: string): Timeline | undefined {
    return this.#kept.get(id);
  }

  /** The timeline of a request that has passed TimelineMiddleware. */
  of(request: { readonly headers: IncomingHttpHeaders }): Timeline {
    const timeline = this.find(String(request.headers[REQUEST_ID]));
    if (!timeline)
      throw new Error('This route has no timeline. Name its controller where AppModule applies TimelineMiddleware.');
    return timeline;
  }

  readonly #log = (id: string, { stage, atMs, text }: TimelineEvent): void => {
    this.#logger.log(`#${id} +${atMs.toFixed(1)} ms  ${stage}: ${text}`);
  };
}
