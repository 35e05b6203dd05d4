import { Controller, Get, type INestApplication, type MessageEvent, Sse, StreamableFile } from '@nestjs/common';
import { finalize, Subject } from 'rxjs';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, currentTask, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import { platforms, startApp } from '../support/platforms.js';
import { enableCompression, noteResponseEnds } from '../support/plugins.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

const streams = [
  { kind: 'a StreamableFile', path: '/file' },
  { kind: 'a web Response', path: '/web-response' },
  { kind: 'a ReadableStream', path: '/web-stream' },
  { kind: 'an async iterable', path: '/iterable' },
  { kind: '@Sse()', path: '/events' },
];

describe.each(platforms)('B7 streamed responses on $name', (platform) => {
  it.each(streams)('waits for the last byte of $kind, then runs the task once', async ({ path }) => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request(`GET ${path}`);
    await client.receive('first part');
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ waiting: 1, running: 0, succeeded: 0 });
    expect(timeline.events).toEqual([]);
    gate.resolve();
    await client.receive('last part');
    await timeline.until('close');
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual(['finish', 'task']);
  });

  it.each(streams)('runs the task once when the client leaves $kind', async ({ path }) => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request(`GET ${path}`);
    await client.receive('first part');
    client.destroy();
    await timeline.until('close');
    gate.resolve();
    await timeline.until('task aborted');
    await settled(app);

    expect(timeline.events.filter((event) => event.startsWith('task'))).toEqual(['task aborted']);
  });

  it('unsubscribes from @Sse() before its task runs when the client leaves', async () => {
    const { app, port, timeline } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /noted-events');
    await client.receive('first part');
    client.destroy();
    await timeline.until('task aborted');
    await settled(app);

    expect(timeline.events.filter((event) => !['close', 'finish'].includes(event))).toEqual([
      'unsubscribed',
      'task aborted',
    ]);
  });

  it('runs the task once after HEAD on @Sse(), which has no events', async () => {
    const { app, url, timeline } = await start();

    const response = await fetch(`${url}/events`, { method: 'HEAD' });
    await timeline.until('close');
    await settled(app);

    expect(response.status).toBe(200);
    expect(timeline.events.filter((event) => event !== 'close')).toEqual(['finish', 'task']);
  });

  describe('with compression', () => {
    it.each(['/json', ...streams.slice(0, 4).map(({ path }) => path)])(
      'runs the task once, after the end of %s',
      async (path) => {
        const { app, url, timeline, gate } = await start((nest) => enableCompression(platform, nest));
        gate.resolve();

        const response = await fetch(url + path, { headers: { 'Accept-Encoding': 'gzip' } });
        const body = await response.text();
        await timeline.until('close');
        await settled(app);

        expect(response.headers.get('content-encoding')).toBe('gzip');
        expect(body).toContain('last part');
        expect(timeline.events.filter((event) => event !== 'close')).toEqual(['finish', 'task']);
      },
    );
  });

  async function start(configure?: (app: INestApplication) => unknown) {
    const timeline = new Timeline();
    const gate = deferred();
    const { app, url, port } = await startApp(platform, {
      controllers: [Streaming],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: Gate, useValue: gate },
      ],
      configure: async (nest) => {
        noteResponseEnds(nest, timeline.note);
        await configure?.(nest);
      },
    });
    return { app, url, port, timeline, gate };
  }
});

@Controller()
class Streaming {
  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
  ) {}

  @Get('json')
  json(@Tasks() tasks: BackgroundTasks): object {
    this.#add(tasks);
    return { text: 'last part' };
  }

  @Get('file')
  file(@Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#add(tasks);
    const stream = new PassThrough();
    stream.write('first part');
    void this.gate.promise.then(() => stream.end('last part'));
    return new StreamableFile(stream, { type: 'text/plain' });
  }

  @Get('web-response')
  webResponse(@Tasks() tasks: BackgroundTasks): Response {
    this.#add(tasks);
    return new Response(this.#webStream(), { headers: { 'Content-Type': 'text/plain' } });
  }

  @Get('web-stream')
  webStream(@Tasks() tasks: BackgroundTasks): ReadableStream {
    this.#add(tasks);
    return this.#webStream();
  }

  @Get('iterable')
  async *iterable(@Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    this.#add(tasks);
    yield 'first part';
    await this.gate.promise;
    yield 'last part';
  }

  @Sse('events')
  events(@Tasks() tasks: BackgroundTasks): Subject<MessageEvent> {
    this.#add(tasks);
    return this.#events();
  }

  @Sse('noted-events')
  notedEvents(@Tasks() tasks: BackgroundTasks) {
    this.#add(tasks);
    return this.#events().pipe(finalize(() => this.timeline.note('unsubscribed')));
  }

  #webStream(): ReadableStream {
    const { gate } = this;
    const encoder = new TextEncoder();
    return new ReadableStream({
      start: (controller) => controller.enqueue(encoder.encode('first part')),
      pull: async (controller) => {
        await gate.promise;
        controller.enqueue(encoder.encode('last part'));
        controller.close();
      },
    });
  }

  #events(): Subject<MessageEvent> {
    const events = new Subject<MessageEvent>();
    setImmediate(() => events.next({ data: 'first part' }));
    void this.gate.promise.then(() => {
      events.next({ data: 'last part' });
      events.complete();
    });
    return events;
  }

  #add(tasks: BackgroundTasks): void {
    tasks.addTask(() => this.timeline.note(currentTask().outcome.aborted ? 'task aborted' : 'task'));
  }
}
