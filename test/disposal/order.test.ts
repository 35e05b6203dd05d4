import { Controller, Get, Injectable, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, type OnRequestDispose } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred, type Deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

class Gates {
  readonly taskStarted = deferred();
  readonly task: Deferred = deferred();
  readonly serviceDisposing = deferred();
  readonly service: Deferred = deferred();
}

describe.each(platforms)('B19 the order of a request’s end on $name', (platform) => {
  const start = async () => {
    const gates = new Gates();
    const { app, url } = await startApp(platform, {
      controllers: [OrdersController],
      providers: [Connection, OrderService, { provide: Gates, useValue: gates }],
    });
    return { app, url, gates };
  };

  it('answers the client before a task or a disposer has ended', async () => {
    const { app, url, gates } = await start();

    const { body } = await fetchText(url);

    expect(body).toBe('answered');
    expect(timeline.events).not.toContain('task ended');
    gates.task.resolve();
    gates.service.resolve();
    await settled(app);
    expect(timeline.events[0]).toBe('task ended');
  });

  it('disposes of nothing while a task runs', async () => {
    const { app, url, gates } = await start();

    await fetchText(url);
    await gates.taskStarted.promise;

    expect(timeline.events).toEqual([]);
    gates.task.resolve();
    gates.service.resolve();
    await settled(app);
    expect(timeline.events).toEqual(['task ended', 'service disposed', 'connection closed']);
  });

  it('awaits the disposer of a dependent before it disposes of what that uses', async () => {
    const { app, url, gates } = await start();
    gates.task.resolve();

    await fetchText(url);
    await gates.serviceDisposing.promise;

    expect(timeline.events).toEqual(['task ended']);
    gates.service.resolve();
    await settled(app);
    expect(timeline.events).toEqual(['task ended', 'service disposed', 'connection closed']);
  });

  it('leaves open what a disposer uses', async () => {
    const { app, url, gates } = await start();
    gates.task.resolve();

    await fetchText(url);
    gates.service.resolve();
    await settled(app);

    expect(OrderService.sawOpenConnection).toBe(true);
  });
});

@Injectable({ scope: Scope.REQUEST })
class Connection implements AsyncDisposable {
  isOpen = true;

  async [Symbol.asyncDispose]() {
    this.isOpen = false;
    timeline.note('connection closed');
  }
}

@Injectable({ scope: Scope.REQUEST })
class OrderService implements OnRequestDispose {
  static sawOpenConnection = false;

  constructor(
    private readonly connection: Connection,
    private readonly gates: Gates,
  ) {}

  async onRequestDispose() {
    this.gates.serviceDisposing.resolve();
    await this.gates.service.promise;
    OrderService.sawOpenConnection = this.connection.isOpen;
    timeline.note('service disposed');
  }
}

@Controller()
class OrdersController {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly gates: Gates,
    readonly orders: OrderService,
  ) {}

  @Get()
  order() {
    this.tasks.addTask(async () => {
      this.gates.taskStarted.resolve();
      await this.gates.task.promise;
      timeline.note('task ended');
    });
    return 'answered';
  }
}
