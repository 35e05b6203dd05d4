import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Inject,
  Injectable,
  Param,
  Req,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, BaseExceptionFilter, ContextIdFactory, ModuleRef, REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B20 what is disposed on $name', (platform) => {
  it('disposes of providers, controllers, guards, interceptors, pipes and filters, once each', async () => {
    const { app, url } = await startApp(platform, { controllers: [EverythingController], providers: [Service] });

    const { body } = await fetchText(`${url}/everything/1`);
    await settled(app);

    expect(body).toBe('1');
    expect(timeline.events.toSorted()).toEqual([
      'EverythingController',
      'Filter',
      'Guard',
      'Interceptor',
      'Pipe',
      'Service',
    ]);
  });

  it('disposes of each request’s own instances', async () => {
    const { app, url } = await startApp(platform, { controllers: [EverythingController], providers: [Service] });

    await Promise.all([
      fetchText(`${url}/everything/1`),
      fetchText(`${url}/everything/2`),
      fetchText(`${url}/everything/3`),
    ]);
    await settled(app);

    expect(timeline.events.filter((name) => name === 'Service')).toHaveLength(3);
    expect(timeline.events).toHaveLength(18);
  });

  it('disposes of global request-scoped guards and filters', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [PlainController],
      providers: [
        { provide: APP_GUARD, scope: Scope.REQUEST, useClass: Guard },
        { provide: APP_FILTER, scope: Scope.REQUEST, useClass: Filter },
      ],
    });

    await fetchText(`${url}/plain`);
    await settled(app);

    expect(timeline.events.toSorted()).toEqual(['Filter', 'Guard']);
  });

  it('disposes of each transient under a request-scoped consumer', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [TransientsController],
      providers: [Transient, FirstConsumer, SecondConsumer, OuterTransient],
    });

    const { body } = await fetchText(`${url}/transients`);
    await settled(app);

    expect(body).toBe('3 instances');
    expect(timeline.events).toEqual(['Transient', 'Transient', 'Transient']);
  });

  it('disposes of what ModuleRef resolved with the context of a request-scoped controller', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [ResolvingController],
      providers: [Service, LazyService],
    });

    await fetchText(`${url}/resolving`);
    await settled(app);

    expect(timeline.events.toSorted()).toEqual(['LazyService', 'Service']);
  });

  it('disposes of what a singleton resolved in a context that it registered for the request', async () => {
    const { app, url } = await startApp(platform, { controllers: [PlainController], providers: [Service] });

    const { body } = await fetchText(`${url}/plain/resolving`);
    await settled(app);

    expect(body).toBe('resolved');
    expect(timeline.events).toEqual(['Service']);
  });

  it('disposes of a useClass provider by its class, and of an aliased instance once', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [AliasController],
      providers: [
        { provide: 'service', useClass: Service },
        { provide: 'alias', useExisting: 'service' },
        { provide: 'alias of the alias', useExisting: 'alias' },
      ],
    });

    const { body } = await fetchText(`${url}/alias`);
    await settled(app);

    expect(body).toBe('the same');
    expect(timeline.events).toEqual(['Service']);
  });
});

abstract class Noted implements Disposable {
  [Symbol.dispose]() {
    timeline.note(this.constructor.name);
  }
}

@Injectable({ scope: Scope.REQUEST })
class Service extends Noted {}

@Injectable({ scope: Scope.REQUEST })
class LazyService extends Noted {
  constructor(@Inject(REQUEST) readonly request: unknown) {
    super();
  }
}

@Injectable({ scope: Scope.REQUEST })
class Guard extends Noted {
  canActivate() {
    return true;
  }
}

@Injectable({ scope: Scope.REQUEST })
class Interceptor extends Noted {
  intercept(_context: unknown, next: { handle(): never }) {
    return next.handle();
  }
}

@Injectable({ scope: Scope.REQUEST })
class Pipe extends Noted {
  transform(value: unknown) {
    return value;
  }
}

@Catch()
@Injectable({ scope: Scope.REQUEST })
class Filter extends Noted implements ExceptionFilter {
  catch(exception: unknown, host: ArgumentsHost) {
    new BaseExceptionFilter().catch(exception, host);
  }
}

@Controller('everything')
@UseGuards(Guard)
@UseInterceptors(Interceptor)
@UsePipes(Pipe)
@UseFilters(Filter)
class EverythingController extends Noted {
  constructor(readonly service: Service) {
    super();
  }

  @Get(':id')
  get(@Param('id') id: string) {
    return id;
  }
}

@Controller('plain')
class PlainController {
  constructor(private readonly moduleRef: ModuleRef) {}

  @Get()
  get() {
    return 'ok';
  }

  @Get('resolving')
  async resolve(@Req() request: object) {
    const contextId = ContextIdFactory.getByRequest(request as never);
    this.moduleRef.registerRequestByContextId(request, contextId);
    await this.moduleRef.resolve(Service, contextId);
    return 'resolved';
  }
}

@Controller('resolving')
class ResolvingController {
  constructor(
    @Inject(REQUEST) private readonly request: object,
    private readonly moduleRef: ModuleRef,
    readonly service: Service,
  ) {}

  @Get()
  async get() {
    const contextId = ContextIdFactory.getByRequest(this.request as never);
    await this.moduleRef.resolve(LazyService, contextId);
    await this.moduleRef.resolve(Service, contextId);
    return 'resolved';
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Noted {}

@Injectable({ scope: Scope.TRANSIENT })
class OuterTransient {
  constructor(readonly inner: Transient) {}
}

@Injectable({ scope: Scope.REQUEST })
class FirstConsumer {
  constructor(readonly own: Transient) {}
}

@Injectable({ scope: Scope.REQUEST })
class SecondConsumer {
  constructor(readonly own: Transient) {}
}

@Controller('transients')
class TransientsController {
  constructor(
    readonly first: FirstConsumer,
    readonly second: SecondConsumer,
    readonly outer: OuterTransient,
  ) {}

  @Get()
  get() {
    return `${new Set([this.first.own, this.second.own, this.outer.inner]).size} instances`;
  }
}

@Controller('alias')
class AliasController {
  constructor(
    @Inject('service') readonly service: unknown,
    @Inject('alias') readonly alias: unknown,
    @Inject('alias of the alias') readonly second: unknown,
  ) {}

  @Get()
  get() {
    return this.service === this.alias && this.alias === this.second ? 'the same' : 'different';
  }
}
