import {
  BadRequestException,
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Injectable,
  Param,
  ParseIntPipe,
  UnauthorizedException,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { catchError, map, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksRef,
  currentTask,
  type TaskOutcome,
  Tasks,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { platforms, startApp } from '../support/platforms.js';

const failures = [
  {
    what: 'the handler throws an HttpException',
    path: '/fails/http-exception',
    status: 400,
    error: thrown(BadRequestException),
  },
  { what: 'the handler throws an Error', path: '/fails/error', status: 500, error: thrown(Error) },
  { what: 'the handler rejects', path: '/fails/rejection', status: 500, error: thrown(Error) },
  { what: 'the handler throws undefined', path: '/fails/undefined', status: 500, error: undefined },
  { what: 'a guard throws', path: '/fails/guard', status: 401, error: thrown(UnauthorizedException) },
  { what: 'a guard returns false', path: '/fails/denied', status: 403, error: thrown(Error) },
  { what: 'a pipe refuses its value', path: '/fails/pipe/seven', status: 400, error: thrown(BadRequestException) },
  { what: 'an interceptor throws before the handler', path: '/fails/before', status: 500, error: thrown(Error) },
  { what: 'an interceptor throws after the handler', path: '/fails/after', status: 500, error: thrown(Error) },
];

/** Stands for any instance of the class. */
function thrown(error: abstract new (...args: never) => Error): unknown {
  return expect.any(error) as unknown;
}

describe.each(platforms)('B8 failed requests on $name', (platform) => {
  it.each(failures)('drops the success tasks and runs the others when $what', async ({ path, status, error }) => {
    const { app, url, logs, ran } = await start();

    const response = await fetch(url + path);
    await response.text();
    await settled(app);

    expect(response.status).toBe(status);
    expect(ran.map(({ name }) => name)).toEqual(['on failure', 'always']);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 4, discarded: 2, succeeded: 2 });
    expect(logs.warnings).toHaveLength(1);
    expect(logs.warnings[0]).toContain('"by default", "on success"');
    for (const { outcome } of ran) {
      expect(outcome).toEqual({ succeeded: false, statusCode: status, error, aborted: false });
    }
  });

  const successes = [
    { what: 'a handler returns a 404', path: '/succeeds/not-found', status: 404 },
    { what: 'an interceptor maps an error to a value', path: '/succeeds/rescued', status: 200 },
  ];
  it.each(successes)('counts it as a success that $what', async ({ path, status }) => {
    const { app, url, logs, ran } = await start();

    const response = await fetch(url + path);
    await response.text();
    await settled(app);

    expect(response.status).toBe(status);
    expect(ran.map(({ name }) => name)).toEqual(['by default', 'on success', 'always']);
    expect(ran[0]!.outcome).toEqual({ succeeded: true, statusCode: status, aborted: false });
    expect(logs.warnings).toEqual([expect.stringContaining('"on failure"')]);
  });

  it('lets a dropped task end as discarded', async () => {
    const { app, url } = await start();

    await (await fetch(`${url}/fails/error`)).text();
    await settled(app);

    const report = await app.get(Recorder).first!.settled;
    expect(report).toMatchObject({ name: 'by default', state: 'discarded', attempts: 0 });
  });

  async function start() {
    const { app, url, logs } = await startApp(platform, {
      controllers: [Fails, Succeeds],
      providers: [Recorder, FourTasksGuard, ThrowingGuard, DenyingGuard, ThrowsBefore, ThrowsAfter, Rescues],
    });
    return { app, url, logs, ran: app.get(Recorder).ran };
  }
});

@Injectable()
class Recorder {
  readonly ran: { readonly name: string; readonly outcome: TaskOutcome }[] = [];
  first: ReturnType<BackgroundTasks['addTask']> | undefined;

  constructor(private readonly ref: BackgroundTasksRef) {}

  addFour(): void {
    const { current } = this.ref;
    const record = () => {
      const { name, outcome } = currentTask();
      this.ran.push({ name, outcome });
    };
    this.first = current.with({ name: 'by default' }).addTask(record);
    current.with({ name: 'on success', runOn: 'success' }).addTask(record);
    current.with({ name: 'on failure', runOn: 'failure' }).addTask(record);
    current.with({ name: 'always', runOn: 'always' }).addTask(record);
  }
}

/** Comes first, so that the tasks are there wherever the request fails. */
@Injectable()
class FourTasksGuard {
  constructor(private readonly recorder: Recorder) {}

  canActivate(): boolean {
    this.recorder.addFour();
    return true;
  }
}

@Injectable()
class ThrowingGuard {
  canActivate(): never {
    throw new UnauthorizedException();
  }
}

@Injectable()
class DenyingGuard {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class ThrowsBefore {
  intercept(): never {
    throw new Error('before');
  }
}

@Injectable()
class ThrowsAfter {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(
      map(() => {
        throw new Error('after');
      }),
    );
  }
}

@Injectable()
class Rescues {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(catchError(() => of({ rescued: true })));
  }
}

@Controller('fails')
@UseGuards(FourTasksGuard)
class Fails {
  @Get('http-exception')
  httpException(): never {
    throw new BadRequestException();
  }

  @Get('error')
  error(): never {
    throw new Error('handler');
  }

  @Get('rejection')
  async rejection(): Promise<never> {
    await Promise.resolve();
    throw new Error('rejection');
  }

  @Get('undefined')
  async throwsUndefined(): Promise<never> {
    throw undefined;
  }

  @Get('guard')
  @UseGuards(ThrowingGuard)
  guard(): void {}

  @Get('denied')
  @UseGuards(DenyingGuard)
  denied(): void {}

  @Get('pipe/:id')
  pipe(@Param('id', ParseIntPipe) _id: number): void {}

  @Get('before')
  @UseInterceptors(ThrowsBefore)
  before(): void {}

  @Get('after')
  @UseInterceptors(ThrowsAfter)
  after(): void {}
}

@Controller('succeeds')
@UseGuards(FourTasksGuard)
class Succeeds {
  @Get('not-found')
  @HttpCode(404)
  notFound(@Tasks() _tasks: BackgroundTasks): object {
    return { found: false };
  }

  @Get('rescued')
  @UseInterceptors(Rescues)
  rescued(): never {
    throw new Error('rescued');
  }
}
