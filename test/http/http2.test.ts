import { Controller, Get, type MessageEvent, Sse, StreamableFile } from '@nestjs/common';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { PassThrough } from 'node:stream';
import { ReplaySubject } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, currentTask, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import { http2, startApp } from '../support/platforms.js';
import { Timeline } from '../support/timeline.js';

const bodies = [
  { kind: 'JSON', path: '/json' },
  { kind: 'a StreamableFile', path: '/file' },
  { kind: '@Sse()', path: '/events' },
];

describe('B7 HTTP/2 on Fastify', () => {
  it.each(bodies)('runs the task once, after the last byte of $kind', async ({ path }) => {
    const { app, session, timeline, gate } = await start();
    const stream = session.request({ ':path': path });

    await timeline.until('added');
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ waiting: 1, running: 0 });
    gate.resolve();
    const body = await text(stream);
    await timeline.until('task');
    await settled(app);

    expect(body).toContain('last part');
    expect(timeline.events).toEqual(['added', 'task']);
  });
});

describe('B9 a client that leaves on HTTP/2', () => {
  it.each(bodies)('runs the task once, as aborted, where it resets the stream of $kind', async ({ path }) => {
    const { app, session, timeline, gate } = await start();
    const stream = session.request({ ':path': path });

    await timeline.until('added');
    stream.close(constants.NGHTTP2_CANCEL);
    await timeline.until('stream closed');
    gate.resolve();
    await timeline.until('aborted');
    await settled(app);

    expect(timeline.events).toEqual(['added', 'stream closed', 'aborted']);
  });

  it('does so for every stream of a session that breaks', async () => {
    const { app, session, timeline, gate } = await start();
    for (const { path } of bodies) session.request({ ':path': path }).on('error', () => undefined);

    await timeline.until('added', 3);
    session.destroy();
    await timeline.until('stream closed', 3);
    gate.resolve();
    await timeline.until('aborted', 3);
    await settled(app);

    expect(timeline.count('task')).toBe(0);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 3, succeeded: 3 });
  });
});

describe('B10 a client that stops reading on HTTP/2', () => {
  it('does not keep the task waiting for ever', async () => {
    const { app, session, timeline, gate } = await start(200);
    gate.resolve();
    const stream = session.request({ ':path': '/large' });

    stream.pause();
    await timeline.until('task');

    stream.close(constants.NGHTTP2_CANCEL);
    await settled(app);
    expect(timeline.events.filter((event) => event !== 'stream closed')).toEqual(['added', 'task']);
  });
});

async function start(stalledClientTimeoutMs = 30_000) {
  const timeline = new Timeline();
  const gate = deferred();
  const { app, url } = await startApp(http2, {
    options: { stalledClientTimeoutMs, shutdownTimeoutMs: 2_000 },
    controllers: [Bodies],
    providers: [
      { provide: Timeline, useValue: timeline },
      { provide: Gate, useValue: gate },
    ],
  });
  const server = app.getHttpServer() as NodeJS.EventEmitter;
  server.on('stream', (stream: NodeJS.EventEmitter) => stream.once('aborted', () => timeline.note('stream closed')));
  const session: ClientHttp2Session = connect(url);
  onTestFinished(() => session.destroy());
  return { app, session, timeline, gate };
}

async function text(stream: ClientHttp2Stream): Promise<string> {
  stream.setEncoding('utf8');
  let body = '';
  for await (const chunk of stream) body += chunk as string;
  return body;
}

@Controller()
class Bodies {
  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
  ) {}

  @Get('json')
  async json(@Tasks() tasks: BackgroundTasks): Promise<object> {
    this.#add(tasks);
    await this.gate.promise;
    return { text: 'last part' };
  }

  @Get('file')
  file(@Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#add(tasks);
    const stream = new PassThrough();
    stream.write('first part');
    void this.gate.promise.then(() => stream.end('last part'));
    return new StreamableFile(stream);
  }

  @Sse('events')
  events(@Tasks() tasks: BackgroundTasks): ReplaySubject<MessageEvent> {
    this.#add(tasks);
    const events = new ReplaySubject<MessageEvent>();
    void this.gate.promise.then(() => {
      events.next({ data: 'last part' });
      events.complete();
    });
    return events;
  }

  @Get('large')
  large(@Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#add(tasks);
    return new StreamableFile(Buffer.alloc(1_000_000));
  }

  #add(tasks: BackgroundTasks): void {
    tasks.addTask(() => this.timeline.note(currentTask().outcome.aborted ? 'aborted' : 'task'));
    this.timeline.note('added');
  }
}
