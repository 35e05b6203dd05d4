import {
  type ArgumentsHost,
  Catch,
  ConflictException,
  Controller,
  type ExceptionFilter,
  Get,
  NotFoundException,
  UseFilters,
} from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { platforms, startApp } from '../support/platforms.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

describe.each(platforms)('B13 an HttpException in a task on $name', (platform) => {
  it.each(['sync', 'async'])(
    'is logged as itself, reaches no filter and leaves the response alone: %s',
    async (kind) => {
      const rejections = new UnhandledRejections();
      const filtered: unknown[] = [];
      @Catch()
      class Filter implements ExceptionFilter {
        catch(error: unknown, _host: ArgumentsHost) {
          filtered.push(error);
        }
      }
      @Controller('users')
      @UseFilters(Filter)
      class UsersController {
        @Get('sync')
        sync(@Tasks() tasks: BackgroundTasks) {
          tasks.addTask(refuse);
          tasks.addTask(() => undefined);
          return { created: true };
        }

        @Get('async')
        async(@Tasks() tasks: BackgroundTasks) {
          tasks.addTask(async () => refuse());
          tasks.addTask(() => undefined);
          return { created: true };
        }
      }
      const { app, url, logs } = await startApp(platform, { controllers: [UsersController] });
      app.useGlobalFilters(new Filter());

      const response = await fetch(`${url}/users/${kind}`);
      const body: unknown = await response.json();
      await settled(app, { throwOnFailure: false });

      expect(response.status).toBe(200);
      expect(body).toEqual({ created: true });
      expect(filtered).toEqual([]);
      expect(logs.errors).toHaveLength(1);
      expect(logs.errors[0]).toMatch(
        /Task "\w+" failed .*: NotFoundException: no such user[^]*\[cause\] ConflictException: taken/,
      );
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, failed: 1, succeeded: 1 });
      expect(await rejections.count()).toBe(0);
    },
  );
});

function refuse(): never {
  throw new NotFoundException('no such user', { cause: new ConflictException('taken') });
}
