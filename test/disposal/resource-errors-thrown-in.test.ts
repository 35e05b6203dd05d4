import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  ForbiddenException,
  Get,
  GoneException,
  Inject,
  Post,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';
import { recordedResource, type RecordedResourceSettings } from '../support/recorded-resource.js';

const timeline = useTimeline();
const resource = (settings: RecordedResourceSettings) => recordedResource(timeline, settings);

describe.each(platforms)('B22 errors thrown into resources on $name', (platform) => {
  it('commits each in its phase when the handler succeeds', async () => {
    const { url, app } = await startApp(platform, { controllers: [FlowController], providers: both() });

    await fetchText(`${url}/flow`);
    await settled(app);

    expect(timeline.events).toEqual([
      'lasting opened',
      'early opened',
      'handler',
      'early committed',
      'early released',
      'task on success',
      'lasting committed',
      'lasting released',
    ]);
  });

  it('throws the handler’s error in before the filter answers, or after the failure tasks', async () => {
    const { url, app } = await startApp(platform, { controllers: [FlowController], providers: both() });

    const { status } = await fetchText(`${url}/flow`, { method: 'POST' });
    await settled(app);

    expect(status).toBe(403);
    expect(timeline.events).toEqual([
      'lasting opened',
      'early opened',
      'early rolled back: denied',
      'early released',
      'filter: denied',
      'task on failure',
      'lasting rolled back: denied',
      'lasting released',
    ]);
  });

  it.each(['before-response', 'after-tasks'] as const)('throws it into dependents first (%s)', async (release) => {
    const { url, app } = await startApp(platform, {
      controllers: [ChainController],
      providers: [
        resource({ provide: 'base', release }),
        resource({ provide: 'top', release, inject: ['middle'] }),
        resource({ provide: 'middle', release, inject: ['base'] }),
      ],
    });

    await fetchText(`${url}/chain`);
    await settled(app);

    expect(timeline.events.filter((entry) => entry.includes('rolled back'))).toEqual([
      'top rolled back: denied',
      'middle rolled back: denied',
      'base rolled back: denied',
    ]);
  });

  it.each(['before-response', 'after-tasks'] as const)(
    'answers an error that a resource swallows (%s)',
    async (release) => {
      const { url, app, logs } = await startApp(platform, {
        controllers: [ChainController],
        providers: [resource({ provide: 'top', release, rollback: () => 'swallow' })],
      });

      const { status, body } = await fetchText(`${url}/chain`);
      await settled(app);

      expect(status).toBe(403);
      expect(body).toContain('denied');
      expect(logs.errors).toEqual([]);
    },
  );

  it('answers the different error that a resource throws before the response, and throws that into the others', async () => {
    const { url, app, logs } = await startApp(platform, {
      controllers: [ChainController],
      providers: [
        resource({ provide: 'lasting' }),
        resource({ provide: 'middle', release: 'before-response', inject: ['lasting'] }),
        resource({
          provide: 'top',
          release: 'before-response',
          inject: ['middle'],
          rollback: () => Promise.reject(gone),
        }),
      ],
    });

    const { status, body } = await fetchText(`${url}/chain`);
    await settled(app);

    expect(status).toBe(410);
    expect(body).toContain('gone');
    expect(timeline.events.filter((entry) => entry.includes('rolled back'))).toEqual([
      'top rolled back: denied',
      'middle rolled back: gone',
      'lasting rolled back: gone',
    ]);
    expect(logs.errors).toEqual([]);
  });

  it('logs a different error that a resource throws after the response, which is untouched', async () => {
    const { url, app, logs } = await startApp(platform, {
      controllers: [ChainController],
      providers: [resource({ provide: 'top', rollback: () => Promise.reject(gone) })],
    });

    const { status } = await fetchText(`${url}/chain`);
    await settled(app);

    expect(status).toBe(403);
    expect(logs.errors).toEqual([expect.stringMatching(/^Disposal of top failed after GET \/chain: .*gone/)]);
  });

  it('logs a commit that fails after the response, which is untouched', async () => {
    const { url, app, logs } = await startApp(platform, {
      controllers: [ChainController],
      providers: [resource({ provide: 'top', commit: () => Promise.reject(gone) })],
    });

    const { status } = await fetchText(`${url}/chain`, { method: 'POST' });
    await settled(app);

    expect(status).toBe(201);
    expect(logs.errors).toEqual([expect.stringMatching(/^Disposal of top failed after POST \/chain: .*gone/)]);
  });

  it('never throws a task’s error into a resource', async () => {
    const { url, app } = await startApp(platform, {
      controllers: [FailingTaskController],
      providers: [resource({ provide: 'top' })],
    });

    const { status } = await fetchText(`${url}/failing-task`, { method: 'POST' });
    await settled(app, { throwOnFailure: false });

    expect(status).toBe(201);
    expect(timeline.events).toEqual(['top opened', 'task fails', 'top committed', 'top released']);
  });

  it('throws a guard’s error into a constructor-injected before-response resource before the answer', async () => {
    const { url, app } = await startApp(platform, {
      controllers: [GuardedController],
      providers: [resource({ provide: 'top', release: 'before-response' })],
    });

    const { status } = await fetchText(`${url}/guarded`);
    await settled(app);

    expect(status).toBe(403);
    expect(timeline.events).toEqual(['top opened', 'top rolled back: denied', 'top released', 'filter: denied']);
  });
});

const denied = new ForbiddenException('denied');
const gone = new GoneException('gone');

const both = () => [
  resource({ provide: 'lasting' }),
  resource({ provide: 'early', release: 'before-response', inject: ['lasting'] }),
];

@Catch()
class NotingFilter implements ExceptionFilter {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(exception: Error, host: ArgumentsHost) {
    timeline.note(`filter: ${exception.message}`);
    new BaseExceptionFilter(this.host.httpAdapter).catch(exception, host);
  }
}

@Controller('flow')
@UseFilters(NotingFilter)
class FlowController {
  @Get()
  get(@Resource('early') _early: unknown, @Tasks() tasks: BackgroundTasks) {
    timeline.note('handler');
    tasks.addTask(() => timeline.note('task on success'));
    tasks.with({ runOn: 'failure' }).addTask(() => timeline.note('task on failure'));
    return 'ok';
  }

  @Post()
  post(@Resource('early') _early: unknown, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => timeline.note('task on success'));
    tasks.with({ runOn: 'failure' }).addTask(() => timeline.note('task on failure'));
    throw denied;
  }
}

@Controller('chain')
class ChainController {
  @Get()
  get(@Resource('top') _top: unknown) {
    throw denied;
  }

  @Post()
  post(@Resource('top') _top: unknown) {
    return 'created';
  }
}

@Controller('failing-task')
class FailingTaskController {
  @Post()
  post(@Resource('top') _top: unknown, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => {
      timeline.note('task fails');
      throw new Error('in the task');
    });
    return 'created';
  }
}

class DenyGuard {
  canActivate(): boolean {
    throw denied;
  }
}

@Controller('guarded')
@UseGuards(DenyGuard)
@UseFilters(NotingFilter)
class GuardedController {
  constructor(@Inject('top') readonly top: unknown) {}

  @Get()
  get() {
    return 'never';
  }
}
