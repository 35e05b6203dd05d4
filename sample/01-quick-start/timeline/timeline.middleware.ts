import { Injectable, type NestMiddleware } from '@nestjs/common';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { REQUEST_ID, Timelines } from './timelines.js';

/** Starts the clock of a request, and notes when its response has left. */
@Injectable()
export class TimelineMiddleware implements NestMiddleware<IncomingMessage & { originalUrl?: string }, ServerResponse> {
  constructor(private readonly timelines: Timelines) {}

  use(request: IncomingMessage & { originalUrl?: string }, response: ServerResponse, next: () => void): void {
    const timeline = this.timelines.begin();
    request.headers[REQUEST_ID] = timeline.id;
    response.setHeader(REQUEST_ID, timeline.id);
    timeline.note('request', `${request.method} ${request.originalUrl ?? request.url}`);
    response.once('finish', () => {
      timeline.note('response', `${response.statusCode} ${STATUS_CODES[response.statusCode]}`);
    });
    next();
  }
}
