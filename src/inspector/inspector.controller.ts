import { Controller, Get, Inject, Param, Query, Req, Res, type Type, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import type { Framed } from '../nest/http-adapter.js';
import type { RawRequest, RawResponse } from '../nest/raw-http.js';
import { InspectorGuard } from './inspector.guard.js';
import { LiveStreams } from './live-streams.js';
import { headers, pageFile, pageHtml } from './page-files.js';
import { RecentScopes } from './recent-scopes.js';
import { TaskLookups } from './task-lookups.js';

/** Scopes in one answer at most: it is made in one go. */
const MAX_RECORDS = 1_000;

/** Returns a controller that serves the page under a path. It writes to Node's response: no interceptor changes it. */
export function inspectorController(path: string): Type<unknown> {
  const lastSegment = path.split('/').at(-1)!;

  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(InspectorGuard)
  class InspectorController {
    constructor(
      @Inject(RecentScopes) private readonly scopes: RecentScopes,
      @Inject(LiveStreams) private readonly streams: LiveStreams,
      @Inject(TaskLookups) private readonly lookups: TaskLookups,
    ) {}

    @Get()
    page(@Req() request: Framed<RawRequest>, @Res() response: Reply): void {
      const [pathname] = ((request.raw ?? request).url ?? '').split('?');
      send(response, 'text/html', pageHtml(pathname!.endsWith('/') ? '' : `${lastSegment}/`));
    }

    @Get('page.js')
    script(@Res() response: Reply): void {
      send(response, 'text/javascript', pageFile('page.js'));
    }

    @Get('page.css')
    style(@Res() response: Reply): void {
      send(response, 'text/css', pageFile('page.css'));
    }

    /** The latest scopes, for programs. */
    @Get('records')
    records(@Res() response: Reply): void {
      send(
        response,
        'application/json',
        JSON.stringify(this.streams.message(this.scopes.since(0).slice(0, MAX_RECORDS))),
      );
    }

    /** Sends the state that a named task has at the backend now. */
    @Get('tasks/:id')
    async task(@Res() response: Reply, @Param('id') id: string): Promise<void> {
      send(response, 'application/json', JSON.stringify(await this.lookups.find(id)));
    }

    /** Sends the records and their changes as an event stream. `since` is the cursor of an earlier one. */
    @Get('live')
    live(
      @Req() request: Framed<RawRequest>,
      @Res() response: Reply,
      @Query('since') since?: unknown,
      @Query('run') run?: unknown,
    ): void {
      if (this.streams.isFull) return send(response, 'text/plain', 'Too many open pages.', 503);
      if ((request.raw ?? request).method !== 'GET') return send(response, 'text/event-stream', '');
      const raw = begin(response, 'text/event-stream');
      this.streams.open(raw, run === this.streams.runId ? Number(since) || 0 : 0);
    }
  }

  // They are no part of the API that @nestjs/swagger describes.
  Reflect.defineMetadata('swagger/apiExcludeController', [true], InspectorController);
  return InspectorController;
}

/** The response of Express, or the reply of Fastify. */
type Reply = Framed<RawResponse> & { hijack?(): unknown };

function send(reply: Reply, type: string, body: string, status = 200): void {
  begin(reply, type, status).end(body);
}

/** Sends the headers. From then on the response is Node's own, which Fastify has to be told. */
function begin(reply: Reply, type: string, status = 200): RawResponse {
  reply.hijack?.();
  const response = reply.raw ?? reply;
  (response as { writeHead(status: number, headers: object): unknown }).writeHead(status, {
    ...headers,
    'content-type': `${type}; charset=utf-8`,
    'x-accel-buffering': 'no',
  });
  return response;
}
