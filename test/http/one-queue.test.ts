import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  NotFoundException,
  Param,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksRef, provideResource, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import { platforms, startApp } from '../support/platforms.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B3 one queue per request on $name', (platform) => {
  it('is shared by everything that takes part in the request', async () => {
    const { app, url, timeline } = await start();

    const pending = await (await fetch(`${url}/shared/7`)).json();
    await settled(app);

    const added = [
      'guard',
      'interceptor',
      'resource',
      'pipe',
      'request-scoped service',
      'singleton service',
      '@Tasks()',
    ];
    expect(pending).toEqual([...added, 'constructor']);
    expect(timeline.events).toEqual([...added, 'constructor', 'interceptor after']);
  });

  it('is the same object whichever way it is reached', async () => {
    const { url } = await start();

    expect(await (await fetch(`${url}/shared/7/same`)).json()).toEqual([true, true, true]);
  });

  it('is shared with an exception filter', async () => {
    const { app, url, timeline } = await start();

    const response = await fetch(`${url}/shared/7/missing`);
    await response.text();
    await settled(app);

    expect(response.status).toBe(404);
    expect(timeline.events).toEqual(['always', 'filter']);
  });

  it('is not seen by another request in flight', async () => {
    const { app, url, timeline, gate } = await start();

    const first = fetch(`${url}/apart/first`).then((response) => response.json());
    await timeline.until('added first');
    const second = fetch(`${url}/apart/second`).then((response) => response.json());
    await timeline.until('added second');
    gate.resolve();

    expect(await first).toEqual(['first']);
    expect(await second).toEqual(['second']);
    await settled(app);
    expect(timeline.events.slice(2).sort()).toEqual(['ran first', 'ran second']);
  });

  async function start() {
    const timeline = new Timeline();
    const gate = deferred();
    const { app, url } = await startApp(platform, {
      controllers: [Shared, Apart],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: Gate, useValue: gate },
        Singleton,
        RequestScoped,
        AddingGuard,
        AddingInterceptor,
        AddingPipe,
        AddingFilter,
        provideResource({
          provide: Session,
          inject: [BackgroundTasks, Timeline],
          *useFactory(tasks: BackgroundTasks, { note }: Timeline) {
            tasks.with({ name: 'resource' }).addTask(note, 'resource');
            yield new Session();
          },
        }),
      ],
    });
    return { app, url, timeline, gate };
  }
});

class Session {}
/** Adds a task that bears the name of who added it. */
function add(tasks: BackgroundTasks, { note }: Timeline, name: string): void {
  tasks.with({ name, runOn: 'always' }).addTask(note, name);
}

@Injectable()
class Singleton {
  constructor(
    private readonly ref: BackgroundTasksRef,
    private readonly timeline: Timeline,
  ) {}

  get tasks(): BackgroundTasks {
    return this.ref.current;
  }

  add(name: string): void {
    add(this.tasks, this.timeline, name);
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped {
  constructor(
    readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
  ) {}

  add(name: string): void {
    add(this.tasks, this.timeline, name);
  }
}

@Injectable()
class AddingGuard {
  constructor(private readonly service: RequestScoped) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getHandler().name === 'shared') this.service.add('guard');
    return true;
  }
}

@Injectable()
class AddingPipe {
  constructor(private readonly service: RequestScoped) {}

  transform(value: unknown): unknown {
    this.service.add('pipe');
    return value;
  }
}

@Injectable()
class AddingInterceptor {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler) {
    if (context.getHandler().name !== 'shared') return next.handle();
    add(this.tasks, this.timeline, 'interceptor');
    return next.handle().pipe(
      map((value: unknown) => {
        add(this.tasks, this.timeline, 'interceptor after');
        return value;
      }),
    );
  }
}

@Catch(NotFoundException)
class AddingFilter {
  constructor(private readonly singleton: Singleton) {}

  catch(error: NotFoundException, host: ArgumentsHost): void {
    this.singleton.add('filter');
    const response = host.switchToHttp().getResponse<{ status(code: number): { send(body: unknown): void } }>();
    response.status(error.getStatus()).send('missing');
  }
}

@Controller('shared')
@UseGuards(AddingGuard)
@UseInterceptors(AddingInterceptor)
@UseFilters(AddingFilter)
class Shared {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly service: RequestScoped,
    private readonly singleton: Singleton,
    private readonly timeline: Timeline,
  ) {}

  @Get(':id')
  shared(
    @Param('id', AddingPipe) _id: string,
    @Resource(Session) _session: Session,
    @Tasks() tasks: BackgroundTasks,
  ): string[] {
    this.service.add('request-scoped service');
    this.singleton.add('singleton service');
    add(tasks, this.timeline, '@Tasks()');
    add(this.tasks, this.timeline, 'constructor');
    return this.tasks.pending.map(({ name }) => name);
  }

  @Get(':id/same')
  same(@Tasks() tasks: BackgroundTasks): boolean[] {
    return [this.tasks, this.service.tasks, this.singleton.tasks].map((other) => other === tasks);
  }

  @Get(':id/missing')
  missing(): never {
    add(this.tasks, this.timeline, 'always');
    throw new NotFoundException();
  }
}

@Controller('apart')
class Apart {
  constructor(
    private readonly gate: Gate,
    private readonly singleton: Singleton,
    private readonly timeline: Timeline,
  ) {}

  @Get(':name')
  async apart(@Param('name') name: string, @Tasks() tasks: BackgroundTasks): Promise<string[]> {
    tasks.with({ name }).addTask(this.timeline.note, `ran ${name}`);
    this.timeline.note(`added ${name}`);
    await this.gate.promise;
    return this.singleton.tasks.pending.map((task) => task.name);
  }
}
