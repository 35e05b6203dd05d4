import { Controller, Get, Res, Sse } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { recordedResource, type RecordedResourceSettings } from '../support/recorded-resource.js';

const timeline = useTimeline();
const resource = (settings: RecordedResourceSettings) =>
  recordedResource(timeline, { release: 'before-response', ...settings });
const failing = () => Promise.reject(new Error('commit failed'));

describe.each(platforms)('B22 before-response resources where the bytes leave by themselves on $name', (platform) => {
  it('exit when a handler with @Res() ends, before the tasks', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [ManualController],
      providers: [resource({ provide: 'early' })],
    });

    const { body } = await fetchText(`${url}/manual`);
    await settled(app);

    expect(body).toBe('sent by hand');
    expect(timeline.events).toEqual(['early opened', 'handler ended', 'early committed', 'early released', 'task']);
  });

  it('have a failed exit logged with @Res(), and the response untouched', async () => {
    const { app, url, logs } = await startApp(platform, {
      controllers: [ManualController],
      providers: [resource({ provide: 'early', commit: failing })],
    });

    const response = await fetchText(`${url}/manual`);
    await settled(app);

    expect(response).toEqual({ status: 200, body: 'sent by hand' });
    expect(logs.errors).toEqual([
      expect.stringMatching(
        /'before-response' resource early failed after the response of GET \/manual had .*commit failed/,
      ),
    ]);
  });

  it('are thrown a failed exit where they are still open, before any task runs', async () => {
    const rollingBack = deferred();
    const gate = deferred();
    const { app, url } = await startApp(platform, {
      controllers: [ManualController],
      providers: [
        resource({
          provide: 'base',
          rollback: () => {
            rollingBack.resolve();
            return gate.promise;
          },
        }),
        resource({ provide: 'early', inject: ['base'], commit: failing }),
      ],
    });

    await fetchText(`${url}/manual/late`);
    await rollingBack.promise;
    expect(timeline.events).not.toContain('task in any case');
    gate.resolve();
    await settled(app);

    expect(timeline.events.slice(-2)).toEqual(['base released', 'task in any case']);
    expect(timeline.events).toContain('base rolled back: commit failed');
  });

  it('exit when a handler with @Res() throws, with its error', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [ManualController],
      providers: [resource({ provide: 'early' })],
    });

    const { status } = await fetchText(`${url}/manual/throws`);
    await settled(app);

    expect(status).toBe(500);
    expect(timeline.events).toEqual(['early opened', 'early rolled back: by hand', 'early released']);
  });

  it('exit before the first byte with a passthrough @Res()', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [ManualController],
      providers: [resource({ provide: 'early', commit: failing })],
    });

    const { status } = await fetchText(`${url}/manual/passthrough`);
    await settled(app);

    expect(status).toBe(500);
  });

  it('exit when an @Sse() stream has ended', async () => {
    const events = new Subject<{ data: string }>();
    const { app, port } = await startApp(platform, {
      controllers: [EventsController],
      providers: [resource({ provide: 'early' }), { provide: 'events', useValue: events }],
    });
    const subscribed = deferred();
    EventsController.subscribed = () => subscribed.resolve();
    EventsController.events = events;
    const client = await RawClient.connect(port);

    client.request('GET /events');
    await subscribed.promise;
    await client.receive('\r\n\r\n');
    events.next({ data: 'first' });
    await client.receive('data: first');
    expect(timeline.events).toEqual(['early opened']);
    events.complete();
    await settled(app);

    expect(timeline.events).toEqual(['early opened', 'early committed', 'early released', 'task']);
  });

  it('exit when the client leaves an @Sse() stream', async () => {
    const events = new Subject<{ data: string }>();
    const { app, port } = await startApp(platform, {
      controllers: [EventsController],
      providers: [resource({ provide: 'early' })],
    });
    EventsController.subscribed = () => undefined;
    EventsController.events = events;
    const client = await RawClient.connect(port);

    client.request('GET /events');
    await client.receive('\r\n\r\n');
    expect(timeline.events).toEqual(['early opened']);
    client.destroy();
    await settled(app);

    expect(timeline.events).toEqual(['early opened', 'early committed', 'early released', 'task']);
  });

  it('have a failed exit logged with @Sse(), and the stream untouched', async () => {
    const events = new Subject<{ data: string }>();
    const { app, port, logs } = await startApp(platform, {
      controllers: [EventsController],
      providers: [resource({ provide: 'early', commit: failing })],
    });
    EventsController.subscribed = () => undefined;
    EventsController.events = events;
    const client = await RawClient.connect(port);

    client.request('GET /events');
    await client.receive('HTTP/1.1 200');
    events.next({ data: 'first' });
    await client.receive('data: first');
    events.complete();
    await settled(app);

    expect(logs.errors).toEqual([
      expect.stringMatching(
        /'before-response' resource early failed after the response of GET \/events had .*commit failed/,
      ),
    ]);
  });
});

function addTasks(tasks: BackgroundTasks) {
  tasks.addTask(() => timeline.note('task'));
  tasks.with({ runOn: 'failure' }).addTask(() => timeline.note('task in any case'));
}

/** Sends through Node's own response, which both frameworks leave in place. */
function send(response: ServerResponse | { raw: ServerResponse }): ServerResponse {
  const raw = 'raw' in response ? response.raw : response;
  return raw.end('sent by hand');
}

@Controller('manual')
class ManualController {
  @Get()
  async get(@Resource('early') _early: unknown, @Tasks() tasks: BackgroundTasks, @Res() response: ServerResponse) {
    addTasks(tasks);
    send(response);
    await Promise.resolve();
    timeline.note('handler ended');
  }

  @Get('late')
  async late(@Resource('early') _early: unknown, @Tasks() tasks: BackgroundTasks, @Res() response: ServerResponse) {
    addTasks(tasks);
    await new Promise((resolve) => send(response).once('close', resolve));
  }

  @Get('throws')
  throws(@Resource('early') _early: unknown, @Res() _response: ServerResponse) {
    throw new Error('by hand');
  }

  @Get('passthrough')
  passthrough(@Resource('early') _early: unknown, @Res({ passthrough: true }) _response: ServerResponse) {
    return 'sent by Nest';
  }
}

@Controller('events')
class EventsController {
  static events: Subject<{ data: string }>;
  static subscribed: () => void;

  @Sse()
  stream(@Resource('early') _early: unknown, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => timeline.note('task'));
    EventsController.subscribed();
    return EventsController.events;
  }
}
