import { Body, Controller, Get, Inject, Injectable, Post } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, provideResource, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B22 @Resource() on $name', (platform) => {
  it('leaves its controller a singleton', async () => {
    CountedController.constructed = 0;
    const { app, url } = await startApp(platform, { controllers: [CountedController], providers: tree() });

    await Promise.all([1, 2, 3].map(() => fetchText(`${url}/counted`)));
    await settled(app);

    expect(CountedController.constructed).toBe(1);
  });

  it('gives a resource that depends on singletons, REQUEST, the tasks and other resources, several levels deep', async () => {
    const { app, url } = await startApp(platform, { controllers: [CountedController], providers: tree() });

    const { body } = await fetchText(`${url}/counted`, { headers: { 'x-user': 'ada' } });
    await settled(app);

    expect(body).toBe('files of ada in the store');
    expect(timeline.events).toEqual([
      'token opened',
      'user opened',
      'files opened',
      'task of the resource',
      'task of the handler',
      'files closed',
      'user closed',
      'token closed',
    ]);
  });

  it('gives each request its own', async () => {
    const { app, url } = await startApp(platform, { controllers: [CountedController], providers: tree() });

    const bodies = await Promise.all(
      ['ada', 'bob', 'cyd'].map((user) => fetchText(`${url}/counted`, { headers: { 'x-user': user } })),
    );
    await settled(app);

    expect(bodies.map(({ body }) => body)).toEqual(
      ['ada', 'bob', 'cyd'].map((user) => `files of ${user} in the store`),
    );
  });

  it('gives the instance that constructor injection of the token gives', async () => {
    const { app, url } = await startApp(platform, { controllers: [MixedController], providers: [counted()] });

    const { body } = await fetchText(`${url}/mixed`);
    await settled(app);

    expect(body).toBe('the same');
    expect(timeline.events).toEqual(['counted opened', 'counted closed']);
  });

  it('opens one where several ask for it before it is open', async () => {
    const gate = deferred();
    const opening = deferred();
    const slow = provideResource({
      provide: 'base',
      async *useFactory() {
        timeline.note('base opening');
        opening.resolve();
        await gate.promise;
        yield { name: 'base' };
        timeline.note('base closed');
      },
    });
    const { app, url } = await startApp(platform, {
      controllers: [ConcurrentController],
      providers: [over('left'), over('right'), slow],
    });

    const response = fetchText(`${url}/concurrent`);
    await opening.promise;
    gate.resolve();
    const { body } = await response;
    await settled(app);

    expect(body).toBe('the same');
    expect(timeline.events).toEqual(['base opening', 'base closed']);
  });

  it.each(['string', 'symbol', 'class', 'inherited'])(
    'takes a token that is a %s, with optional dependencies left out',
    async (path) => {
      const inject = [{ token: 'nobody provides it', optional: true }] as const;
      const { app, url } = await startApp(platform, {
        controllers: [TokensController, InheritingController],
        providers: [
          provideResource({ provide: 'text', inject, useFactory: optionalOnly }),
          provideResource({ provide: SYMBOL, inject, useFactory: optionalOnly }),
          provideResource({ provide: ClassToken, inject, useFactory: optionalOnly }),
        ],
      });

      const { body } = await fetchText(`${url}/${path === 'inherited' ? 'inheriting/string' : `tokens/${path}`}`);
      await settled(app);

      expect(body).toBe('value, missing: undefined');
    },
  );

  it('stands beside other parameters', async () => {
    const { app, url } = await startApp(platform, { controllers: [MixedController], providers: [counted()] });

    const { body } = await fetchText(`${url}/mixed`, {
      method: 'POST',
      body: JSON.stringify({ id: 7 }),
      headers: { 'content-type': 'application/json' },
    });
    await settled(app);

    expect(body).toBe('7 number 1');
  });
});

const SYMBOL = Symbol('token');
abstract class ClassToken extends String {}

@Injectable()
class Store {
  readonly name = 'the store';
}

/** token → user → files: what a request is answered with takes three levels. */
function tree() {
  return [
    Store,
    provideResource({
      provide: 'token',
      inject: [REQUEST],
      async *useFactory(request: { headers: Record<string, string> }) {
        timeline.note('token opened');
        yield request.headers['x-user'];
        timeline.note('token closed');
      },
    }),
    provideResource({
      provide: 'user',
      inject: ['token'],
      *useFactory(token: string) {
        timeline.note('user opened');
        yield { name: token };
        timeline.note('user closed');
      },
    }),
    provideResource({
      provide: 'files',
      inject: [Store, 'user', 'token', BackgroundTasks],
      async *useFactory(store: Store, user: { name: string }, _token: string, tasks: BackgroundTasks) {
        timeline.note('files opened');
        tasks.addTask(() => timeline.note('task of the resource'));
        yield `files of ${user.name} in ${store.name}`;
        timeline.note('files closed');
      },
    }),
  ];
}

@Controller('counted')
class CountedController {
  static constructed = 0;

  constructor() {
    CountedController.constructed++;
  }

  @Get()
  get(@Resource('files') files: string, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => timeline.note('task of the handler'));
    return files;
  }
}

function counted() {
  let opened = 0;
  return provideResource({
    provide: 'counted',
    async *useFactory() {
      timeline.note('counted opened');
      yield { number: ++opened };
      timeline.note('counted closed');
    },
  });
}

@Controller('mixed')
class MixedController {
  constructor(@Inject('counted') private readonly injected: unknown) {}

  @Get()
  get(@Resource('counted') acquired: unknown) {
    return acquired === this.injected ? 'the same' : 'different';
  }

  @Post()
  post(@Body() body: { id: number }, @Resource('counted') { number }: { number: number }) {
    return `${body.id} number ${number}`;
  }
}

/** A resource that does nothing but depend on another. */
function over(provide: string) {
  return provideResource({
    provide,
    inject: ['base'],
    async *useFactory(base: unknown) {
      yield { base };
    },
  });
}

async function* optionalOnly(missing: unknown) {
  yield `value, missing: ${String(missing)}`;
}

@Controller('concurrent')
class ConcurrentController {
  @Get()
  get(
    @Resource('left') left: { base: unknown },
    @Resource('base') base: unknown,
    @Resource('right') right: { base: unknown },
  ) {
    return left.base === base && base === right.base ? 'the same' : 'different';
  }
}

@Controller('tokens')
class TokensController {
  @Get('string')
  string(@Resource('text') value: string) {
    return value;
  }

  @Get('symbol')
  symbol(@Resource(SYMBOL) value: string) {
    return value;
  }

  @Get('class')
  class(@Resource(ClassToken) value: string) {
    return value;
  }
}

@Controller('inheriting')
class InheritingController extends TokensController {}
