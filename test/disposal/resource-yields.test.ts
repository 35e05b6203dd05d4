import { Controller, Get } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { provideResource, Resource, ResourceYieldedNothingError, TaskScopes } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const timeline = useTimeline();

describe('B22 the number of yields', () => {
  it('rejects with RESOURCE_YIELDED_NOTHING when the generator returns without a yield', async () => {
    const { app } = await startContext({ providers: [zeroYields()] });

    const opening = app.get(TaskScopes).run((scope) => scope.resolve('session'));

    await expect(opening).rejects.toMatchObject({ code: 'RESOURCE_YIELDED_NOTHING', message: naming('session') });
  });

  it.each([
    ['a function that is no generator', () => ({ query: () => undefined })],
    ['a function that returns nothing', () => undefined],
    ['a function that returns null', () => null],
    ['an async function', async () => 'value'],
  ])('rejects with RESOURCE_YIELDED_NOTHING for %s without a dispose', async (_, notAGenerator) => {
    const { app } = await startContext({
      providers: [provideResource({ provide: 'session', useFactory: notAGenerator } as never)],
    });

    const opening = app.get(TaskScopes).run((scope) => scope.resolve('session'));

    await expect(opening).rejects.toBeInstanceOf(ResourceYieldedNothingError);
  });

  it('rejects with RESOURCE_YIELDED_TWICE at a before-response exit, and closes the generator', async () => {
    const { app } = await startContext({ providers: [twoYields('before-response')] });

    const running = app.get(TaskScopes).run((scope) => scope.resolve('session'));

    await expect(running).rejects.toMatchObject({ code: 'RESOURCE_YIELDED_TWICE', message: naming('session') });
    expect(timeline.events).toEqual(['closed']);
  });

  it('logs RESOURCE_YIELDED_TWICE at an after-tasks exit, and closes the generator', async () => {
    const { app, logs } = await startContext({ providers: [twoYields('after-tasks')] });

    await app.get(TaskScopes).run((scope) => scope.resolve('session'));

    expect(logs.errors).toEqual([expect.stringContaining('ResourceYieldedTwiceError')]);
    expect(timeline.events).toEqual(['closed']);
  });

  it('takes a catch block that yields again for a second yield', async () => {
    const provider = provideResource({
      provide: 'session',
      async *useFactory() {
        try {
          yield 'first';
        } catch {
          yield 'second';
        }
      },
    });
    const { app, logs } = await startContext({ providers: [provider] });

    const running = app.get(TaskScopes).run(async (scope) => {
      await scope.resolve('session');
      throw new Error('work failed');
    });

    await expect(running).rejects.toThrow('work failed');
    expect(logs.errors).toEqual([expect.stringContaining('yielded a second time')]);
  });

  it('refuses a provider without a token or a factory when it is made', () => {
    expect(() => provideResource({ useFactory } as never)).toThrow(/provideResource\.provide/);
    expect(() => provideResource({ provide: 'x' } as never)).toThrow(/provideResource\.useFactory/);
    expect(() => provideResource({ provide: 'x', useFactory, release: 'never' } as never)).toThrow(
      /provideResource\.release/,
    );
    expect(() => provideResource({ provide: 'x', useFactory, dispose: 1 } as never)).toThrow(
      /provideResource\.dispose/,
    );
    expect(() => provideResource({ provide: 'x', useFactory, scope: 2 } as never)).toThrow(/There is no such option/);
  });
});

describe.each(platforms)('B22 the number of yields, answered by $name', (platform) => {
  it.each([
    ['zero yields', zeroYields()],
    ['two yields of a before-response resource', twoYields('before-response')],
  ])('answers 500 for %s', async (_, provider) => {
    const { app, url } = await startApp(platform, { controllers: [SessionController], providers: [provider] });

    const { status } = await fetchText(url);
    await settled(app);

    expect(status).toBe(500);
  });
});

/** Matches a text that contains the name. */
const naming = (name: string): unknown => expect.stringContaining(name);

function* useFactory() {
  yield 1;
}

function zeroYields() {
  return provideResource({
    provide: 'session',
    async *useFactory(): AsyncGenerator<string, void, void> {},
  });
}

function twoYields(release: 'before-response' | 'after-tasks') {
  return provideResource({
    provide: 'session',
    release,
    async *useFactory() {
      try {
        yield 'first';
        yield 'second';
      } finally {
        timeline.note('closed');
      }
    },
  });
}

@Controller()
class SessionController {
  @Get()
  get(@Resource('session') _session: unknown) {
    return 'ok';
  }
}
