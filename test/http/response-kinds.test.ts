import {
  Controller,
  Get,
  Head,
  Header,
  Headers,
  HttpCode,
  type INestApplication,
  Post,
  Redirect,
  Render,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, currentTask, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import type { FrameworkResponse } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { enableViews, noteResponseEnds } from '../support/plugins.js';
import { Timeline } from '../support/timeline.js';

interface Kind {
  readonly kind: string;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly body: unknown;
}

/** Express sends a note along, Fastify nothing. */
const redirectBody: unknown = expect.stringMatching(/^(Found\. .*)?$/);

const kinds: readonly Kind[] = [
  { kind: 'JSON', path: '/json', status: 200, body: '{"ok":true}' },
  { kind: 'an empty 201', path: '/created', method: 'POST', status: 201, body: '' },
  { kind: '@Res()', path: '/manual', status: 202, body: 'manual' },
  { kind: '@Res() answered after the handler has returned', path: '/manual-late', status: 202, body: 'late' },
  { kind: '@Res({ passthrough: true })', path: '/passthrough', status: 203, body: '{"ok":true}' },
  { kind: '@Redirect()', path: '/redirect', status: 302, body: redirectBody },
  { kind: '@Res() that redirects', path: '/manual-redirect', status: 302, body: redirectBody },
  { kind: '@Render()', path: '/render', status: 200, body: '<h1>Hello Ada</h1>' },
  { kind: '204', path: '/no-content', status: 204, body: '' },
  { kind: '304', path: '/tagged', headers: { 'If-None-Match': '"1"' }, status: 304, body: '' },
  { kind: '206', path: '/file', headers: { Range: 'bytes=2-4' }, status: 206, body: '234' },
  { kind: '416', path: '/file', headers: { Range: 'bytes=90-99' }, status: 416, body: '' },
  { kind: 'a StreamableFile', path: '/file', status: 200, body: '0123456789' },
  { kind: 'HEAD on a GET route', path: '/json', method: 'HEAD', status: 200, body: '' },
  { kind: 'HEAD on a StreamableFile', path: '/file', method: 'HEAD', status: 200, body: '' },
  { kind: '@Head()', path: '/head', method: 'HEAD', status: 200, body: '' },
  { kind: 'an Observable', path: '/observable', status: 200, body: 'observed' },
  { kind: 'a web Response', path: '/web-response', status: 203, body: 'web' },
  { kind: 'a web Response without a body', path: '/web-empty', status: 204, body: '' },
  { kind: 'a ReadableStream', path: '/web-stream', status: 200, body: 'web stream' },
  { kind: 'an async iterable', path: '/iterable', status: 200, body: 'one two' },
];

describe.each(platforms)('B7 the right moment on $name', (platform) => {
  it.each(kinds)('runs the task once, after the end of $kind', async ({ path, method, headers, status, body }) => {
    const timeline = new Timeline();
    const { app, url } = await startApp(platform, {
      controllers: [Kinds],
      providers: [{ provide: Timeline, useValue: timeline }],
      configure: (nest: INestApplication) => {
        noteResponseEnds(nest, timeline.note);
        enableViews(platform, nest);
      },
    });

    const response = await fetch(url + path, { method: method ?? 'GET', headers: headers ?? {}, redirect: 'manual' });
    const received = await response.text();
    await timeline.until('close');
    await settled(app);

    expect({ status: response.status, body: received.trim() }).toEqual({ status, body });
    expect(timeline.events.filter((event) => event !== 'close')).toEqual(['finish', `task ${status} not aborted`]);
  });
});

@Controller()
class Kinds {
  constructor(private readonly timeline: Timeline) {}

  @Get('json')
  json(@Tasks() tasks: BackgroundTasks): object {
    this.#add(tasks);
    return { ok: true };
  }

  @Post('created')
  created(@Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks);
  }

  @Get('manual')
  manual(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks);
    response.status(202).send('manual');
  }

  @Get('manual-late')
  manualLate(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks);
    setImmediate(() => response.status(202).send('late'));
  }

  @Get('passthrough')
  passthrough(@Res({ passthrough: true }) response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): object {
    this.#add(tasks);
    response.status(203);
    return { ok: true };
  }

  @Get('redirect')
  @Redirect('/json')
  redirect(@Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks);
  }

  @Get('manual-redirect')
  manualRedirect(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks);
    response.status(302).redirect('/json');
  }

  @Get('render')
  @Render('greeting')
  render(@Tasks() tasks: BackgroundTasks): object {
    this.#add(tasks);
    return { name: 'Ada' };
  }

  @Get('no-content')
  @HttpCode(204)
  noContent(@Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks);
  }

  @Get('tagged')
  @Header('ETag', '"1"')
  tagged(
    @Headers('if-none-match') known: string | undefined,
    @Res({ passthrough: true }) response: FrameworkResponse,
    @Tasks() tasks: BackgroundTasks,
  ): string | undefined {
    this.#add(tasks);
    if (known !== '"1"') return 'tagged';
    response.status(304);
    return undefined;
  }

  @Get('file')
  file(
    @Headers('range') range: string | undefined,
    @Res({ passthrough: true }) response: FrameworkResponse,
    @Tasks() tasks: BackgroundTasks,
  ): StreamableFile | undefined {
    this.#add(tasks);
    const content = Buffer.from('0123456789');
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    if (from === undefined || to === undefined) return new StreamableFile(content);
    if (Number(from) >= content.length) {
      response.status(416).header('Content-Range', `bytes */${content.length}`);
      return undefined;
    }
    response.status(206).header('Content-Range', `bytes ${from}-${to}/${content.length}`);
    return new StreamableFile(content.subarray(Number(from), Number(to) + 1));
  }

  @Head('head')
  head(@Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks);
  }

  @Get('observable')
  observable(@Tasks() tasks: BackgroundTasks) {
    this.#add(tasks);
    return of('observed');
  }

  @Get('web-response')
  webResponse(@Tasks() tasks: BackgroundTasks): Response {
    this.#add(tasks);
    return new Response('web', { status: 203 });
  }

  @Get('web-empty')
  webEmpty(@Tasks() tasks: BackgroundTasks): Response {
    this.#add(tasks);
    return new Response(null, { status: 204 });
  }

  @Get('web-stream')
  webStream(@Tasks() tasks: BackgroundTasks): ReadableStream {
    this.#add(tasks);
    return new Blob(['web ', 'stream']).stream() as ReadableStream;
  }

  @Get('iterable')
  async *iterable(@Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    this.#add(tasks);
    yield 'one ';
    await Promise.resolve();
    yield 'two';
  }

  #add(tasks: BackgroundTasks): void {
    tasks.addTask(() => {
      const { statusCode, aborted } = currentTask().outcome;
      this.timeline.note(`task ${statusCode} ${aborted ? 'aborted' : 'not aborted'}`);
    });
  }
}
