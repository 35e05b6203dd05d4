import { Controller, forwardRef, Get, Inject, Injectable, type Provider, Scope, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B19 dependents before dependencies on $name', (platform) => {
  it('holds for a chain, whatever the order of registration', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Fourth extends Noted {}
    @Injectable({ scope: Scope.REQUEST })
    class Third extends Noted {
      constructor(readonly next: Fourth) {
        super();
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Second extends Noted {
      constructor(readonly next: Third) {
        super();
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class First extends Noted {
      constructor(readonly next: Second) {
        super();
      }
    }

    await visit(platform, First, [Third, First, Fourth, Second]);

    expect(timeline.events).toEqual(['First', 'Second', 'Third', 'Fourth']);
  });

  it('holds for a diamond with arms of different length', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Base extends Noted {}
    @Injectable({ scope: Scope.REQUEST })
    class LongArm extends Noted {
      constructor(readonly base: Base) {
        super();
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class ShortArm extends Noted {
      constructor(
        readonly base: Base,
        readonly longArm: LongArm,
      ) {
        super();
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Top extends Noted {
      constructor(
        readonly base: Base,
        readonly shortArm: ShortArm,
        readonly longArm: LongArm,
      ) {
        super();
      }
    }

    await visit(platform, Top, [Base, Top, LongArm, ShortArm]);

    expect(timeline.events).toEqual(['Top', 'ShortArm', 'LongArm', 'Base']);
  });

  it('holds for what is injected into a property', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Below extends Noted {}
    @Injectable({ scope: Scope.REQUEST })
    class Above extends Noted {
      @Inject() readonly below!: Below;
    }

    await visit(platform, Above, [Below, Above]);

    expect(timeline.events).toEqual(['Above', 'Below']);
  });

  it('holds across a factory and an alias that dispose of nothing themselves', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Below extends Noted {}
    @Injectable({ scope: Scope.REQUEST })
    class Above extends Noted {
      constructor(@Inject('made') readonly made: unknown) {
        super();
      }
    }

    await visit(platform, Above, [
      { provide: 'made', inject: ['alias'], useFactory: (below: Below) => ({ below }) },
      { provide: 'alias', useExisting: Below },
      Above,
      Below,
    ]);

    expect(timeline.events).toEqual(['Above', 'Below']);
  });

  it.each([0, 1, 2, 3])('holds above and below a forwardRef cycle (registration rotated by %i)', async (by) => {
    @Injectable({ scope: Scope.REQUEST })
    class Below extends Noted {}
    @Injectable({ scope: Scope.REQUEST })
    class Left extends Noted {
      @Inject(forwardRef(() => Right)) readonly right!: unknown;
    }
    @Injectable({ scope: Scope.REQUEST })
    class Right extends Noted {
      @Inject(forwardRef(() => Left)) readonly left!: unknown;
      @Inject() readonly below!: Below;
    }
    @Injectable({ scope: Scope.REQUEST })
    class Above extends Noted {
      @Inject() readonly left!: Left;
    }
    const all = [Below, Right, Left, Above];

    await visit(platform, Above, [...all.slice(by), ...all.slice(0, by)]);

    expect(timeline.events).toHaveLength(4);
    expect(timeline.events.at(0)).toBe('Above');
    expect(timeline.events.at(-1)).toBe('Below');
  });
});

/** Makes one request whose controller injects `type`. */
async function visit(platform: Platform, type: Type, providers: Provider[]): Promise<void> {
  @Controller()
  class VisitController {
    constructor(@Inject(type) readonly top: unknown) {}
    @Get()
    get() {
      return 'ok';
    }
  }
  const { app, url } = await startApp(platform, { controllers: [VisitController], providers });
  await fetchText(url);
  await settled(app);
}

abstract class Noted implements Disposable {
  [Symbol.dispose]() {
    timeline.note(this.constructor.name);
  }
}
