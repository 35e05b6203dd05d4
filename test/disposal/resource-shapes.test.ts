import { Controller, ForbiddenException, Get, Inject } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, provideResource, type TaskOutcome, Tasks, Resource } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B22 the shapes of a resource on $name', (platform) => {
  it('exits an async generator after the tasks, unless told otherwise', async () => {
    const provider = provideResource({
      provide: Session,
      async *useFactory() {
        timeline.note('opened');
        yield new Session('async');
        timeline.note('exited');
      },
    });
    const { app, url } = await startApp(platform, { controllers: [SessionController], providers: [provider] });

    const { body } = await fetchText(`${url}/session`);
    await settled(app);

    expect(body).toBe('async');
    expect(timeline.events).toEqual(['opened', 'handler', 'task', 'exited']);
  });

  it('exits a synchronous generator', async () => {
    const provider = provideResource({
      provide: Session,
      *useFactory() {
        timeline.note('opened');
        yield new Session('sync');
        timeline.note('exited');
      },
    });
    const { app, url } = await startApp(platform, { controllers: [SessionController], providers: [provider] });

    const { body } = await fetchText(`${url}/session`);
    await settled(app);

    expect(body).toBe('sync');
    expect(timeline.events).toEqual(['opened', 'handler', 'task', 'exited']);
  });

  it('throws the error in at the yield of a synchronous generator', async () => {
    const provider = provideResource({
      provide: Session,
      *useFactory() {
        try {
          yield new Session('sync');
        } catch (error) {
          timeline.note(`caught ${(error as Error).message}`);
          throw error;
        }
      },
    });
    const { app, url } = await startApp(platform, { controllers: [SessionController], providers: [provider] });

    const { status } = await fetchText(`${url}/session/denied`);
    await settled(app);

    expect(status).toBe(403);
    expect(timeline.events).toEqual(['caught denied']);
  });

  it.each([
    ['a value', () => new Session('plain')],
    ['a promise', async () => new Session('plain')],
  ])('calls dispose with the value of a factory that returns %s, and with the outcome', async (_, useFactory) => {
    const disposed: [unknown, TaskOutcome][] = [];
    const provider = provideResource({
      provide: Session,
      useFactory,
      dispose: (value: Session, outcome: TaskOutcome) => disposed.push([value, outcome]),
    });
    const { app, url } = await startApp(platform, { controllers: [SessionController], providers: [provider] });

    await fetchText(`${url}/session`);
    await settled(app);
    await fetchText(`${url}/session/denied`);
    await settled(app);

    expect(disposed).toEqual([
      [new Session('plain'), { succeeded: true, statusCode: 200, aborted: false }],
      [new Session('plain'), { succeeded: false, statusCode: 403, aborted: false, error: denial }],
    ]);
    expect(disposed[1]![1].error).toBe(denial);
  });

  it('does not dispose of the value by its own disposer as well', async () => {
    class Disposing extends Session implements Disposable {
      [Symbol.dispose]() {
        timeline.note('disposed by the value');
      }
    }
    const provider = provideResource({
      provide: Session,
      useFactory: (): Session => new Disposing('owned'),
      dispose: () => timeline.note('disposed by the resource'),
    });
    const { app, url } = await startApp(platform, { controllers: [InjectingController], providers: [provider] });

    await fetchText(`${url}/injecting`);
    await settled(app);

    expect(timeline.events).toEqual(['disposed by the resource']);
  });

  it('opens one instance a request, and none for a request that does not ask', async () => {
    let opened = 0;
    const provider = provideResource({
      provide: Session,
      async *useFactory() {
        yield new Session(`number ${++opened}`);
      },
    });
    const { app, url } = await startApp(platform, { controllers: [SessionController], providers: [provider] });

    const bodies = await Promise.all([1, 2, 3].map(() => fetchText(`${url}/session`)));
    await fetchText(`${url}/session/without`);
    await settled(app);

    expect(bodies.map(({ body }) => body).toSorted()).toEqual(['number 1', 'number 2', 'number 3']);
    expect(opened).toBe(3);
  });

  it('answers with what a factory throws, and has nothing to exit', async () => {
    const provider = provideResource({
      provide: Session,
      async *useFactory(): AsyncGenerator<Session, void, void> {
        throw denial;
      },
    });
    const { app, url, logs } = await startApp(platform, { controllers: [SessionController], providers: [provider] });

    const { status } = await fetchText(`${url}/session`);
    await settled(app);

    expect(status).toBe(403);
    expect(logs.errors).toEqual([]);
  });
});

const denial = new ForbiddenException('denied');

class Session {
  constructor(readonly kind: string) {}
}

@Controller('session')
class SessionController {
  @Get()
  get(@Resource(Session) session: Session, @Tasks() tasks: BackgroundTasks) {
    timeline.note('handler');
    tasks.addTask(() => timeline.note('task'));
    return session.kind;
  }

  @Get('denied')
  deny(@Resource(Session) _session: Session) {
    throw denial;
  }

  @Get('without')
  without() {
    return 'no session';
  }
}

@Controller('injecting')
class InjectingController {
  constructor(@Inject(Session) readonly session: Session) {}

  @Get()
  get() {
    return this.session.kind;
  }
}
