import { Controller, Get, Inject, Injectable, Scope, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksHost } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

const disposers = ['onRequestDispose', 'Symbol.dispose', 'Symbol.asyncDispose'] as const;
const behaviours = {
  ok: { run: () => undefined, logged: [] },
  throw: {
    run: () => {
      throw new Error('thrown by a disposer');
    },
    logged: [expect.stringMatching(/thrown by a disposer/)],
  },
  reject: {
    run: () => Promise.reject(new Error('rejected by a disposer')),
    logged: [expect.stringMatching(/rejected by a disposer/)],
  },
  hang: {
    run: () => new Promise(() => undefined),
    logged: [expect.stringMatching(/Disposing Odd took longer than 20 ms/)],
  },
  'throw undefined': {
    run: () => {
      throw undefined as unknown as Error;
    },
    logged: [expect.stringMatching(/a thrown undefined/)],
  },
};
const matrix = disposers.flatMap((disposer) =>
  Object.entries(behaviours).map(([name, behaviour]) => ({ disposer, name, ...behaviour })),
);

describe.each(platforms)('B24 disposers that fail on $name', (platform) => {
  it.each(matrix)(
    'disposes of the others when a $disposer has the behaviour "$name"',
    async ({ disposer, run, logged }) => {
      const { lines, status } = await visit(platform, oddOne(disposer, run));

      expect(status).toBe(200);
      expect(timeline.events).toEqual(['Above', 'odd', 'Below']);
      expect(lines).toEqual(logged);
    },
  );

  it('logs several failures as one AggregateError in one line, with each of them in it', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class First {
      constructor(readonly below: Below) {}
      onRequestDispose() {
        throw new Error('first failure');
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Second {
      constructor(readonly below: Below) {}
      async [Symbol.asyncDispose]() {
        throw new TypeError('second failure');
      }
    }

    const { lines } = await visit(platform, First, Second);

    expect(timeline.events).toEqual(['Above', 'Below']);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^Disposal of Second, First failed after GET \/: AggregateError.*2 disposers failed/);
    expect(lines[0]).toMatch(/\n- First: .*first failure/);
    expect(lines[0]).toMatch(/\n- Second: TypeError: second failure/);
  });

  it('leaves no scope open behind a disposer that hangs', async () => {
    const { app } = await visit(
      platform,
      oddOne('Symbol.asyncDispose', () => new Promise(() => undefined)),
    );

    await app.get(BackgroundTasksHost).onIdle();

    expect(timeline.events.at(-1)).toBe('Below');
  });
});

/** A class between Above and Below whose disposer does what it is told. */
function oddOne(disposer: (typeof disposers)[number], run: () => unknown): Type {
  @Injectable({ scope: Scope.REQUEST })
  class Odd {
    constructor(readonly below: Below) {}
  }
  const name =
    disposer === 'Symbol.dispose'
      ? Symbol.dispose
      : disposer === 'Symbol.asyncDispose'
        ? Symbol.asyncDispose
        : disposer;
  Object.defineProperty(Odd.prototype, name, {
    value: () => {
      timeline.note('odd');
      return run();
    },
  });
  return Odd;
}

/** Makes one request that needs Above, the types, and Below. Returns what was logged about disposal. */
async function visit(platform: Platform, ...types: Type[]) {
  @Injectable({ scope: Scope.REQUEST })
  class Above implements Disposable {
    constructor(
      @Inject(types[0] as Type) readonly first: unknown,
      @Inject(types.at(-1) as Type) readonly last: unknown,
    ) {}
    [Symbol.dispose]() {
      timeline.note('Above');
    }
  }
  @Controller()
  class VisitController {
    constructor(readonly above: Above) {}
    @Get()
    get() {
      return 'ok';
    }
  }
  const { app, url, logs } = await startApp(platform, {
    controllers: [VisitController],
    providers: [Above, ...types, Below],
    options: { disposeTimeoutMs: 20 },
  });
  const { status } = await fetchText(url);
  await settled(app);
  return { app, status, lines: logs.errors.filter((line) => line.startsWith('Disposal of ')) };
}

@Injectable({ scope: Scope.REQUEST })
class Below implements AsyncDisposable {
  async [Symbol.asyncDispose]() {
    timeline.note('Below');
  }
}
