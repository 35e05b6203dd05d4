import {
  Controller,
  ForbiddenException,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Module,
  Scope,
  type Type,
} from '@nestjs/common';
import { ContextIdFactory, LazyModuleLoader, ModuleRef, REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import type { OnRequestDispose, TaskOutcome } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B20 which disposer is called on $name', (platform) => {
  it.each([
    ['onRequestDispose before the others', () => AllThree, 'onRequestDispose'],
    ['Symbol.asyncDispose before Symbol.dispose', () => BothSymbols, 'asyncDispose'],
    ['Symbol.dispose where there is no other', () => OnlyDispose, 'dispose'],
    ['a disposer that is a class field', () => FieldDisposer, 'field'],
    ['a disposer that is inherited', () => Inheriting, 'dispose'],
  ] as const)('calls exactly one: %s', async (_, type, called) => {
    await visit(platform, type());

    expect(timeline.events).toEqual([called]);
  });

  it('calls a class-field disposer for every request, not only the first', async () => {
    await visit(platform, FieldDisposer, 3);

    expect(timeline.events).toEqual(['field', 'field', 'field']);
  });

  it('calls a disposer with its instance as this', async () => {
    await visit(platform, Stateful);

    expect(timeline.events).toEqual(['handle of Stateful']);
  });

  it('gives onRequestDispose the outcome of a success', async () => {
    const { app, url } = await startApp(platform, { controllers: [OutcomeController], providers: [OutcomeKeeper] });

    await fetchText(`${url}/created`);
    await settled(app);

    expect(OutcomeKeeper.outcome).toEqual({ succeeded: true, statusCode: 201, aborted: false });
    expect(Object.isFrozen(OutcomeKeeper.outcome)).toBe(true);
  });

  it('gives onRequestDispose the outcome of a failure, with the error itself', async () => {
    const { app, url } = await startApp(platform, { controllers: [OutcomeController], providers: [OutcomeKeeper] });

    await fetchText(`${url}/denied`);
    await settled(app);

    expect(OutcomeKeeper.outcome).toEqual({ succeeded: false, statusCode: 403, aborted: false, error: denial });
    expect(OutcomeKeeper.outcome?.error).toBe(denial);
  });

  it('disposes of providers of a module that was loaded lazily', async () => {
    const { app, url } = await startApp(platform, { controllers: [LazyController] });

    await fetchText(`${url}/lazy`);
    await fetchText(`${url}/lazy`);
    await settled(app);

    expect(timeline.events).toEqual(['LazyTop', 'LazyBase', 'LazyTop', 'LazyBase']);
  });
});

/** Makes requests whose controller injects `type`. */
async function visit(platform: Platform, type: Type, times = 1): Promise<void> {
  @Controller()
  class VisitController {
    constructor(@Inject(type) readonly injected: unknown) {}
    @Get()
    get() {
      return 'ok';
    }
  }
  const { app, url } = await startApp(platform, { controllers: [VisitController], providers: [type] });
  for (let visits = 0; visits < times; visits++) await fetchText(url);
  await settled(app);
}

@Injectable({ scope: Scope.REQUEST })
class OnlyDispose implements Disposable {
  [Symbol.dispose]() {
    timeline.note('dispose');
  }
}

@Injectable({ scope: Scope.REQUEST })
class BothSymbols extends OnlyDispose implements AsyncDisposable {
  async [Symbol.asyncDispose]() {
    timeline.note('asyncDispose');
  }
}

@Injectable({ scope: Scope.REQUEST })
class AllThree extends BothSymbols implements OnRequestDispose {
  onRequestDispose() {
    timeline.note('onRequestDispose');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Inheriting extends OnlyDispose {}

@Injectable({ scope: Scope.REQUEST })
class FieldDisposer implements OnRequestDispose {
  readonly onRequestDispose = () => {
    timeline.note('field');
  };
}

@Injectable({ scope: Scope.REQUEST })
class Stateful implements AsyncDisposable {
  readonly #handle = `handle of ${this.constructor.name}`;

  async [Symbol.asyncDispose]() {
    timeline.note(this.#handle);
  }
}

const denial = new ForbiddenException();

@Injectable({ scope: Scope.REQUEST })
class OutcomeKeeper implements OnRequestDispose {
  static outcome: TaskOutcome | undefined;

  onRequestDispose(outcome: TaskOutcome) {
    OutcomeKeeper.outcome = outcome;
  }
}

@Controller()
class OutcomeController {
  constructor(readonly keeper: OutcomeKeeper) {}

  @Get('created')
  @HttpCode(201)
  create() {
    return 'created';
  }

  @Get('denied')
  deny() {
    throw denial;
  }
}

@Injectable({ scope: Scope.REQUEST })
class LazyBase implements Disposable {
  [Symbol.dispose]() {
    timeline.note('LazyBase');
  }
}

@Injectable({ scope: Scope.REQUEST })
class LazyTop implements Disposable {
  constructor(readonly base: LazyBase) {}
  [Symbol.dispose]() {
    timeline.note('LazyTop');
  }
}

@Module({ providers: [LazyBase, LazyTop] })
class LazyModule {}

@Controller('lazy')
class LazyController {
  constructor(
    @Inject(REQUEST) private readonly request: object,
    private readonly loader: LazyModuleLoader,
  ) {}

  @Get()
  async get() {
    const loaded: ModuleRef = await this.loader.load(() => LazyModule);
    await loaded.resolve(LazyTop, ContextIdFactory.getByRequest(this.request as never));
    return 'loaded';
  }
}
