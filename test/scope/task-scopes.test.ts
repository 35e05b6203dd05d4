import { Inject, Injectable, type Provider, Scope } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksModule,
  BackgroundTasksRef,
  TaskScopes,
} from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { useTimeline } from '../support/timeline.js';
import { platforms } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const timeline = useTimeline();

/** Where a unit of work can be run: every way to have an application, or only a module. */
const places: readonly { readonly name: string; readonly scopesOf: (providers: Provider[]) => Promise<TaskScopes> }[] =
  [
    {
      name: 'an application context',
      scopesOf: async (providers) => (await startContext({ providers })).app.get(TaskScopes),
    },
    {
      name: 'a testing module that was not initialised',
      scopesOf: async (providers) => (await compile(providers)).get(TaskScopes),
    },
    ...platforms.map((platform) => ({
      name: `an application on ${platform.name} that does not listen`,
      scopesOf: async (providers: Provider[]) => {
        const app = (await compile(providers)).createNestApplication(platform.adapter());
        onTestFinished(() => app.close());
        return (await app.init()).get(TaskScopes);
      },
    })),
  ];

describe.each(places)('B26 TaskScopes.run in $name', ({ scopesOf }) => {
  it('runs the work, then its tasks, then disposes, then resolves with what the work returned', async () => {
    const scopes = await scopesOf([Connection, Report]);

    const result = await scopes.run(async (scope) => {
      const report = await scope.resolve(Report);
      scope.tasks.addTask(() =>
        timeline.note(`task with ${report.connection.isOpen ? 'an open' : 'a closed'} connection`),
      );
      timeline.note('work');
      return 'result';
    });

    expect(result).toBe('result');
    expect(timeline.events).toEqual(['work', 'task with an open connection', 'report disposed', 'connection closed']);
  });

  it('disposes of what is resolved in a context of the caller’s own, too', async () => {
    const scopes = await scopesOf([Connection, Report, Finder]);

    await scopes.run(async (scope) => {
      const { moduleRef } = await scope.resolve(Finder);
      const contextId = ContextIdFactory.create();
      moduleRef.registerRequestByContextId(scope, contextId);
      await moduleRef.resolve(Report, contextId, { strict: false });
    });

    expect(timeline.events).toEqual(['report disposed', 'connection closed']);
  });

  it('rejects with the error of the work once the failure tasks have run and everything is disposed', async () => {
    const scopes = await scopesOf([Connection, Report]);
    const failure = new Error('work failed');

    const running = scopes.run(async (scope) => {
      await scope.resolve(Report);
      scope.tasks.addTask(() => timeline.note('task on success'));
      scope.tasks.with({ runOn: 'failure' }).addTask(() => timeline.note('task on failure'));
      throw failure;
    });

    await expect(running).rejects.toBe(failure);
    expect(timeline.events).toEqual(['task on failure', 'report disposed', 'connection closed']);
  });

  it('resolves singletons, request-scoped providers and transients', async () => {
    const scopes = await scopesOf([Singleton, Connection, Report, Transient, { provide: 'value', useValue: 7 }]);

    const [first, second] = await Promise.all(
      [1, 2].map(() =>
        scopes.run(async (scope) => ({
          singleton: await scope.resolve(Singleton),
          value: await scope.resolve<number>('value'),
          connection: await scope.resolve(Connection),
          report: await scope.resolve(Report),
          transient: await scope.resolve(Transient),
        })),
      ),
    );

    expect(first?.singleton).toBe(second?.singleton);
    expect(first?.value).toBe(7);
    expect(first?.report.connection).toBe(first?.connection);
    expect(first?.connection).not.toBe(second?.connection);
    expect(first?.transient).not.toBe(second?.transient);
    expect(timeline.events.filter((entry) => entry === 'connection closed')).toHaveLength(2);
    expect(timeline.events.filter((entry) => entry === 'transient disposed')).toHaveLength(2);
    expect(timeline.events).not.toContain('singleton disposed');
  });

  it('gives providers its tasks as BackgroundTasks, and itself as REQUEST', async () => {
    const scopes = await scopesOf([Requester]);

    await scopes.run(async (scope) => {
      const requester = await scope.resolve(Requester);

      expect(requester.request).toBe(scope);
      expect(requester.tasks).toBe(scope.tasks);
    });
  });
});

describe('B26 units of work', () => {
  it('run at a time without seeing each other', async () => {
    const { app } = await startContext({ providers: [Connection, Report, Audit] });
    const gates = [deferred(), deferred()];
    const run = (number: number) =>
      app.get(TaskScopes).run(async (scope) => {
        await gates[number]?.promise;
        app.get(Audit).record(`audit of ${number}`);
        return { report: await scope.resolve(Report), pending: scope.tasks.pending.map(({ name }) => name) };
      });

    const running = [run(0), run(1)];
    gates[1]?.resolve();
    const second = await running[1];
    expect(timeline.events).toEqual(['audit of 1', 'report disposed', 'connection closed']);
    gates[0]?.resolve();
    const first = await running[0];

    expect(first?.report).not.toBe(second?.report);
    expect([first?.pending, second?.pending]).toEqual([['audit of 0'], ['audit of 1']]);
    expect(timeline.events.slice(3)).toEqual(['audit of 0', 'report disposed', 'connection closed']);
  });

  it('nest: the inner one ends whole while the outer goes on, and the reference follows', async () => {
    const { app } = await startContext({ providers: [Connection, Report, Audit] });

    await app.get(TaskScopes).run(async (outer) => {
      await outer.resolve(Report);
      app.get(Audit).record('outer before');
      await app.get(TaskScopes).run(async (inner) => {
        await inner.resolve(Connection);
        app.get(Audit).record('inner');
      });
      timeline.note('outer goes on');
      app.get(Audit).record('outer after');
    });

    expect(timeline.events).toEqual([
      'inner',
      'connection closed',
      'outer goes on',
      'outer before',
      'outer after',
      'report disposed',
      'connection closed',
    ]);
  });

  it('can be run by a task, as a unit of their own', async () => {
    const { app } = await startContext({ providers: [Connection] });

    await app.get(TaskScopes).run((outer) => {
      outer.tasks.addTask(async () => {
        await app.get(TaskScopes).run(async (inner) => inner.resolve(Connection));
        timeline.note('task ends');
      });
    });

    expect(timeline.events).toEqual(['connection closed', 'task ends']);
  });

  it('take work that is not asynchronous, and that throws synchronously', async () => {
    const { app } = await startContext();
    const failure = new Error('synchronous');

    await expect(app.get(TaskScopes).run(() => 1)).resolves.toBe(1);
    await expect(
      app.get(TaskScopes).run(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    await expect(app.get(TaskScopes).run(() => Promise.reject(undefined as unknown as Error))).rejects.toBeUndefined();
  });

  it('are held against nobody when a task fails: the work has succeeded', async () => {
    const { app, logs } = await startContext();

    const result = await app.get(TaskScopes).run((scope) => {
      scope.tasks.addTask(function fails() {
        throw new Error('in the task');
      });
      return 'done';
    });

    expect(result).toBe('done');
    expect(logs.errors).toEqual([expect.stringMatching(/Task "fails" failed/)]);
  });

  it('count as busy until they have ended, and are refused after the drain', async () => {
    const { app } = await startContext();
    const gate = deferred();
    const host = app.get(BackgroundTasksHost);
    const running = app.get(TaskScopes).run(() => gate.promise);

    const drained = host.drain().then(() => timeline.note('drained'));
    gate.resolve();
    await running;
    timeline.note('work ended');
    await drained;

    expect(timeline.events.toSorted()).toEqual(['drained', 'work ended']);
    await expect(app.get(TaskScopes).run(() => 'never')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

async function compile(providers: Provider[]) {
  const module = await Test.createTestingModule({ imports: [BackgroundTasksModule.forRoot()], providers }).compile();
  onTestFinished(() => module.close());
  return module;
}

@Injectable()
class Singleton implements Disposable {
  [Symbol.dispose]() {
    timeline.note('singleton disposed');
  }
}

@Injectable()
class Finder {
  constructor(readonly moduleRef: ModuleRef) {}
}

@Injectable({ scope: Scope.REQUEST })
class Connection implements AsyncDisposable {
  isOpen = true;

  async [Symbol.asyncDispose]() {
    this.isOpen = false;
    timeline.note('connection closed');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Report implements Disposable {
  constructor(readonly connection: Connection) {}

  [Symbol.dispose]() {
    timeline.note('report disposed');
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient implements Disposable {
  [Symbol.dispose]() {
    timeline.note('transient disposed');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Requester {
  constructor(
    @Inject(REQUEST) readonly request: unknown,
    readonly tasks: BackgroundTasks,
  ) {}
}

@Injectable()
class Audit {
  constructor(private readonly tasks: BackgroundTasksRef) {}

  record(name: string) {
    this.tasks.current.with({ name }).addTask(() => timeline.note(name));
  }
}
