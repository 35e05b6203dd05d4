import { Body, Controller, Headers, Param, Post, Query } from '@nestjs/common';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, defineTask, provideResource, Resource, TaskHandler, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { platforms, startApp } from '../support/platforms.js';
import { RecordedEvents } from '../support/recorded-events.js';

const SECRET = 'canary-5f1c';

describe.each(platforms)('B42 what was given to a request and its tasks on $name', (platform) => {
  it('appears in no event: arguments, payloads, keys, headers, parameters, bodies, resources', async () => {
    const events = new RecordedEvents();
    const { app, url } = await startApp(platform, {
      options: { observers: [events.observer] },
      controllers: [Orders],
      providers: [session, CountHandler],
    });

    const headers = { authorization: SECRET, 'content-type': 'application/json' };
    const body = JSON.stringify({ secret: SECRET });
    await fetch(`${url}/orders/${SECRET}?token=${SECRET}`, { method: 'POST', headers, body });
    await settled(app, { throwOnFailure: false });

    expect(events.of('taskSettled').map(({ report }) => report.state)).toEqual(['discarded', 'failed', 'succeeded']);
    expect(events.of('resourceReleased')).toHaveLength(1);
    const shown = inspect(events.all, { depth: Infinity, showHidden: true, getters: true });
    expect(shown).toContain('POST /orders/:id');
    expect(shown).not.toContain(SECRET);
  });
});

class Session {
  readonly secret = SECRET;
}

const session = provideResource({
  provide: Session,
  useFactory: () => new Session(),
  dispose: () => undefined,
});

const Count = defineTask<{ secret: string }>({ name: 'count' });

@TaskHandler(Count)
class CountHandler {
  run(_payload: { secret: string }) {}
}

@Controller('orders')
class Orders {
  readonly secret = SECRET;

  @Post(':id')
  create(
    @Param('id') id: string,
    @Query() query: object,
    @Headers() headers: object,
    @Body() body: object,
    @Resource(Session) held: Session,
    @Tasks() tasks: BackgroundTasks,
  ) {
    tasks.addTask(fails, id, query, headers, body, held, this);
    tasks.enqueue(Count, { secret: SECRET }, { idempotencyKey: SECRET });
    tasks.with({ runOn: 'failure' }).addTask(this, 'get', SECRET);
    return SECRET;
  }

  get(_argument: string) {
    return this.secret;
  }
}

async function fails(..._args: unknown[]) {
  throw new Error('failed');
}
