import { Controller, Get, type MessageEvent, Res, Sse, StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { concat, NEVER, Observable, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, currentTask, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import { type FrameworkResponse, rawOf } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { noteResponseEnds } from '../support/plugins.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

/** More than the kernel's buffers of both ends take. */
const LARGE = 16 * 1024 * 1024;

const kinds = [
  { kind: 'a string', path: '/large-string' },
  { kind: 'a buffer sent with @Res()', path: '/large-manual' },
  { kind: 'a StreamableFile', path: '/large-file' },
  { kind: 'an async iterable', path: '/large-iterable' },
  { kind: 'a stream sent with @Res()', path: '/large-pipe' },
];

describe.each(platforms)('B10 a client that stops reading on $name', (platform) => {
  it.each(kinds)('does not keep the tasks of $kind waiting for ever', async ({ path }) => {
    const { app, port, timeline } = await start();
    const client = await RawClient.connect(port);

    client.pause().request(`GET ${path}`);
    await timeline.until(`task ${path}`);

    expect(timeline.events).toEqual([`added ${path}`, `task ${path}`]);
    client.resume();
    await client.receive('the end');
    await timeline.until('close');
    await settled(app);
    expect(timeline.count(`task ${path}`)).toBe(1);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });

  it('does not keep the tasks of an @Sse() stream waiting that has more to say', async () => {
    const { app, port, timeline } = await start();
    const client = await RawClient.connect(port);

    client.pause().request('GET /large-events');
    await timeline.until('task /large-events');
    client.destroy();
    await settled(app);

    expect(timeline.count('task /large-events')).toBe(1);
  });

  it('runs them once when it leaves instead of reading on', async () => {
    const { app, port, timeline } = await start();
    const client = await RawClient.connect(port);

    client.pause().request('GET /large-string');
    await timeline.until('task /large-string');
    client.destroy();
    await timeline.until('close');
    await settled(app);

    expect(timeline.count('task /large-string')).toBe(1);
    expect(timeline.count('aborted /large-string')).toBe(0);
  });

  it('runs them at once, as aborted, when it leaves before the time is up', async () => {
    const { app, port, timeline } = await start(60_000);
    const client = await RawClient.connect(port);

    client.pause().request('GET /large-string');
    await timeline.until('added /large-string');
    client.destroy();
    await timeline.until('aborted /large-string');
    await settled(app);

    expect(timeline.count('task /large-string')).toBe(0);
    expect(timeline.count('aborted /large-string')).toBe(1);
  });

  it.each([
    { what: 'an idle @Sse() stream', path: '/idle-events' },
    { what: 'a producer that is slow', path: '/slow-iterable' },
  ])('does not take $what for one', async ({ path }) => {
    const { app, port, timeline, gate } = await start();
    const patient = await RawClient.connect(port);
    patient.request(`GET ${path}`);
    await patient.receive('first part');

    // Two clients that do stop reading, one after the other, are the clock: far more looks than it would take.
    for (let round = 1; round <= 2; round++) {
      const stalled = await RawClient.connect(port);
      stalled.pause().request('GET /large-string');
      await timeline.until('task /large-string', round);
      stalled.destroy();
    }
    expect(timeline.count(`task ${path}`)).toBe(0);
    gate.resolve();
    await patient.receive('last part');
    await timeline.until(`task ${path}`);
    await settled(app);

    expect(timeline.count(`task ${path}`)).toBe(1);
  });

  async function start(stalledClientTimeoutMs = 200) {
    const timeline = new Timeline();
    const gate = deferred();
    const { app, port } = await startApp(platform, {
      options: { stalledClientTimeoutMs, shutdownTimeoutMs: 2_000 },
      controllers: [Large],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: Gate, useValue: gate },
      ],
      configure: (nest) => noteResponseEnds(nest, timeline.note),
    });
    return { app, port, timeline, gate };
  }
});

@Controller()
class Large {
  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
  ) {}

  @Get('large-string')
  largeString(@Tasks() tasks: BackgroundTasks): string {
    this.#add(tasks, '/large-string');
    return large();
  }

  @Get('large-manual')
  largeManual(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks, '/large-manual');
    response.status(200).send(Buffer.from(large()));
  }

  @Get('large-file')
  largeFile(@Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#add(tasks, '/large-file');
    return new StreamableFile(Buffer.from(large()));
  }

  @Get('large-iterable')
  async *largeIterable(@Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    this.#add(tasks, '/large-iterable');
    for (let part = 0; part < 64; part++) yield 'x'.repeat(LARGE / 64);
    await Promise.resolve();
    yield 'the end';
  }

  @Get('large-pipe')
  largePipe(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): void {
    this.#add(tasks, '/large-pipe');
    Readable.from([large()]).pipe(rawOf(response));
  }

  @Sse('large-events', { maxPendingDataLength: 0 })
  largeEvents(@Tasks() tasks: BackgroundTasks): Observable<MessageEvent> {
    this.#add(tasks, '/large-events');
    return concat(of({ data: large() }), NEVER);
  }

  @Sse('idle-events')
  idleEvents(@Tasks() tasks: BackgroundTasks): Observable<MessageEvent> {
    this.#add(tasks, '/idle-events');
    const events = new Subject<MessageEvent>();
    setImmediate(() => events.next({ data: 'first part' }));
    void this.gate.promise.then(() => {
      events.next({ data: 'last part' });
      events.complete();
    });
    return events;
  }

  @Get('slow-iterable')
  async *slowIterable(@Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    this.#add(tasks, '/slow-iterable');
    yield 'first part';
    await this.gate.promise;
    yield 'last part';
  }

  #add(tasks: BackgroundTasks, path: string): void {
    this.timeline.note(`added ${path}`);
    tasks.addTask(() => this.timeline.note(`${currentTask().outcome.aborted ? 'aborted' : 'task'} ${path}`));
  }
}

function large(): string {
  return `${'x'.repeat(LARGE)}the end`;
}
