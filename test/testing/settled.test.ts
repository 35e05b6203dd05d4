import { Controller, Get, Injectable, Post, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, Tasks, TaskScopes } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred, type Deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const timeline = useTimeline();

describe.each(platforms)('settled on $name', (platform) => {
  const start = (gates = new Gates()) =>
    startApp(platform, {
      controllers: [WorkController],
      providers: [Connection, { provide: Gates, useValue: gates }],
    });

  it('waits for the tasks, and for the disposal after them', async () => {
    const gates = new Gates();
    const { app, url } = await start(gates);
    await fetchText(`${url}/work`);

    const waiting = settled(app).then(() => timeline.note('settled'));
    gates.task.resolve();
    await gates.closing.promise;
    expect(timeline.events).toEqual(['task']);
    gates.closed.resolve();
    await waiting;

    expect(timeline.events).toEqual(['task', 'connection closed', 'settled']);
  });

  it('waits for all requests so far', async () => {
    const { app, url } = await start(openGates());
    await Promise.all([fetchText(`${url}/work`), fetchText(`${url}/work`), fetchText(`${url}/work`)]);

    await settled(app);

    expect(timeline.events.filter((entry) => entry === 'connection closed')).toHaveLength(3);
  });

  it('returns at once where nothing is open', async () => {
    const { app } = await start();

    await expect(settled(app)).resolves.toBeUndefined();
  });

  it('rejects with TASKS_FAILED, the names of the tasks and what they threw', async () => {
    const { app, url } = await start();
    await fetchText(`${url}/work`, { method: 'POST' });

    await expect(settled(app)).rejects.toMatchObject({
      code: 'TASKS_FAILED',
      cause: failures[0],
      errors: failures,
      message: expect.stringMatching(/2 background task\(s\) failed: first, second/) as unknown,
    });
  });

  it('reports a failure once', async () => {
    const { app, url } = await start();
    await fetchText(`${url}/work`, { method: 'POST' });

    await expect(settled(app)).rejects.toThrow('2 background task(s) failed');
    await expect(settled(app)).resolves.toBeUndefined();
  });

  it('forgives failures with throwOnFailure: false, those before as well', async () => {
    const { app, url } = await start();
    await fetchText(`${url}/work`, { method: 'POST' });

    await expect(settled(app, { throwOnFailure: false })).resolves.toBeUndefined();
    await expect(settled(app)).resolves.toBeUndefined();
  });

  it('reports what failed before it was called', async () => {
    const { app, url } = await start();
    await fetchText(`${url}/work`, { method: 'POST' });
    await settled(app, { throwOnFailure: false });
    await fetchText(`${url}/work`, { method: 'POST' });

    await expect(settled(app)).rejects.toMatchObject({ errors: failures });
  });
});

describe('settled in an application context', () => {
  it('waits for units of work and reports their failures', async () => {
    const { app } = await startContext();
    const gate = deferred();
    const running = app.get(TaskScopes).run((scope) => {
      scope.tasks.addTask(async () => {
        await gate.promise;
        throw failures[0];
      });
    });

    const waiting = settled(app);
    gate.resolve();

    await expect(waiting).rejects.toMatchObject({ code: 'TASKS_FAILED', cause: failures[0] });
    await running;
  });
});

const failures = [new Error('first'), new Error('second')];

class Gates {
  readonly task: Deferred = deferred();
  readonly closing: Deferred = deferred();
  readonly closed: Deferred = deferred();
}

function openGates(): Gates {
  const gates = new Gates();
  gates.task.resolve();
  gates.closed.resolve();
  return gates;
}

@Injectable({ scope: Scope.REQUEST })
class Connection implements AsyncDisposable {
  constructor(private readonly gates: Gates) {}

  async [Symbol.asyncDispose]() {
    this.gates.closing.resolve();
    await this.gates.closed.promise;
    timeline.note('connection closed');
  }
}

@Controller('work')
class WorkController {
  constructor(
    private readonly gates: Gates,
    readonly connection: Connection,
  ) {}

  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    tasks.addTask(async () => {
      await this.gates.task.promise;
      timeline.note('task');
    });
    return 'ok';
  }

  @Post()
  post(@Tasks() tasks: BackgroundTasks) {
    this.gates.closed.resolve();
    tasks.with({ name: 'first' }).addTask(() => Promise.reject(failures[0]!));
    tasks.with({ name: 'second' }).addTask(() => Promise.reject(failures[1]!));
    return 'ok';
  }
}
