import {
  Controller,
  Get,
  Header,
  type INestApplication,
  NotFoundException,
  Redirect,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { PassThrough } from 'node:stream';
import { NEVER, Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, currentTask, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import type { FrameworkResponse } from '../support/http-types.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';
import { enableCompression, noteResponseEnds } from '../support/plugins.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

const kinds = [
  { kind: 'JSON', path: '/json' },
  { kind: '@Res()', path: '/manual' },
  { kind: '@Res() returned', path: '/manual-returned' },
  { kind: '@Res() answered later', path: '/manual-late' },
  { kind: 'an Observable', path: '/observable' },
  { kind: 'a StreamableFile', path: '/file' },
  { kind: 'a StreamableFile larger than all buffers', path: '/large-file' },
  { kind: 'an endless StreamableFile', path: '/endless-file' },
  { kind: 'a web Response', path: '/web-response' },
  { kind: 'an async iterable', path: '/iterable' },
  { kind: 'an error', path: '/error' },
  { kind: 'a redirect', path: '/redirect' },
];

/** What a plugin does to a reply decides when Fastify counts it as sent. */
const variants = [
  { variant: 'plain', configure: () => undefined },
  {
    variant: 'compressing',
    configure: (platform: Platform, app: INestApplication) => enableCompression(platform, app),
  },
];

describe.each(platforms)('B9 a pipelined request whose client left on $name', (platform) => {
  describe.each(variants)('in a $variant application', ({ configure }) => {
    it.each(kinds)('runs its tasks once for $kind', async ({ path }) => {
      const { app, port, timeline, gate } = await start(configure);
      const client = await RawClient.connect(port);

      client.request('GET /held', `GET ${path}`);
      await timeline.until('held');
      await timeline.until('orphan');
      client.destroy();
      await timeline.until(`ran ${path}`);
      gate.resolve();
      await timeline.until('ran /held');
      await settled(app);

      expect(timeline.events).toEqual(['held', 'orphan', `ran ${path}`, 'ran /held']);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, succeeded: 2, waiting: 0, running: 0 });
    });
  });

  it('waits for the handler of such a request', async () => {
    const { app, port, timeline, gate } = await start((_, nest) =>
      noteResponseEnds(nest, (event) => timeline.note(event)),
    );
    const client = await RawClient.connect(port);

    client.request('GET /held', 'GET /held');
    await timeline.until('held', 2);
    client.destroy();
    await timeline.until('close');
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ waiting: 2, running: 0 });
    gate.resolve();
    await settled(app);

    expect(timeline.count('ran /held')).toBe(2);
  });

  it('answers both in order where the client stays', async () => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /held', 'GET /json');
    await timeline.until('orphan');
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ waiting: 2, running: 0 });
    gate.resolve();
    await client.receive('"held"');
    await client.receive('"json"');
    await settled(app);

    expect(timeline.events).toEqual(['held', 'orphan', 'not aborted /held', 'not aborted /json']);
  });

  async function start(configure: (platform: Platform, app: INestApplication) => unknown = () => undefined) {
    const timeline = new Timeline();
    const gate = deferred();
    const { app, port } = await startApp(platform, {
      controllers: [Pipelined],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: Gate, useValue: gate },
      ],
      configure: (nest) => configure(platform, nest),
    });
    return { app, port, timeline, gate };
  }
});

@Controller()
class Pipelined {
  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
  ) {}

  @Get('held')
  async held(@Tasks() tasks: BackgroundTasks): Promise<object> {
    this.#add(tasks, '/held');
    this.timeline.note('held');
    await this.gate.promise;
    return { text: 'held' };
  }

  @Get('json')
  json(@Tasks() tasks: BackgroundTasks): object {
    this.#orphan(tasks, '/json');
    return { text: 'json' };
  }

  @Get('manual')
  manual(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): void {
    this.#orphan(tasks, '/manual');
    response.status(200).send('manual');
  }

  @Get('manual-returned')
  manualReturned(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): unknown {
    this.#orphan(tasks, '/manual-returned');
    return response.status(200).send('manual');
  }

  @Get('manual-late')
  manualLate(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): void {
    this.#orphan(tasks, '/manual-late');
    void this.gate.promise.then(() => response.status(200).send('manual'));
  }

  @Get('observable')
  observable(@Tasks() tasks: BackgroundTasks): Observable<never> {
    this.#orphan(tasks, '/observable');
    return NEVER;
  }

  @Get('file')
  file(@Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#orphan(tasks, '/file');
    return new StreamableFile(Buffer.from('file'));
  }

  @Get('large-file')
  @Header('Content-Type', 'text/plain')
  largeFile(@Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#orphan(tasks, '/large-file');
    return new StreamableFile(Buffer.alloc(4_000_000));
  }

  @Get('endless-file')
  @Header('Content-Type', 'text/plain')
  endlessFile(@Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#orphan(tasks, '/endless-file');
    const stream = new PassThrough();
    stream.write('first part');
    return new StreamableFile(stream);
  }

  @Get('web-response')
  webResponse(@Tasks() tasks: BackgroundTasks): Response {
    this.#orphan(tasks, '/web-response');
    return new Response('web');
  }

  @Get('iterable')
  async *iterable(@Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    this.#orphan(tasks, '/iterable');
    yield 'first part';
    yield 'last part';
  }

  @Get('error')
  error(@Tasks() tasks: BackgroundTasks): never {
    this.#orphan(tasks, '/error');
    throw new NotFoundException();
  }

  @Get('redirect')
  @Redirect('/json')
  redirect(@Tasks() tasks: BackgroundTasks): void {
    this.#orphan(tasks, '/redirect');
  }

  #orphan(tasks: BackgroundTasks, path: string): void {
    this.#add(tasks, path);
    this.timeline.note('orphan');
  }

  #add(tasks: BackgroundTasks, path: string): void {
    tasks
      .with({ runOn: 'always' })
      .addTask(() => this.timeline.note(`${currentTask().outcome.aborted ? 'ran' : 'not aborted'} ${path}`));
  }
}
