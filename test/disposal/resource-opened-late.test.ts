import { BadRequestException, Controller, Param, type PipeTransform, Post } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksHost, provideResource, Resource } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('B23, B24 a resource that opens when its request is over, on $name', (platform) => {
  it('is given back all the same, and was logged as late', async () => {
    const opened = deferred();
    const released = deferred<unknown>();
    const { app, url, logs } = await startApp(platform, {
      options: { disposeTimeoutMs: 20 },
      controllers: [Sessions],
      providers: [
        provideResource({
          provide: Session,
          async *useFactory() {
            await opened.promise;
            try {
              yield new Session();
            } catch (error) {
              released.resolve(error);
              throw error;
            }
          },
        }),
      ],
    });
    const response = await fetch(`${url}/refused`, { method: 'POST' });
    await app.get(BackgroundTasksHost).onIdle();

    opened.resolve();

    expect(response.status).toBe(400);
    expect(logs.errors).toEqual([expect.stringContaining('Disposing Session took longer than 20 ms')]);
    expect(await released.promise).toBeInstanceOf(BadRequestException);
  });
});

class Session {}

class Refuse implements PipeTransform {
  transform(): never {
    throw new BadRequestException();
  }
}

@Controller()
class Sessions {
  @Post(':id')
  create(@Param('id', Refuse) _id: string, @Resource(Session) _session: Session): void {}
}
