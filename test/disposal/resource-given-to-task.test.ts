import { Controller, Inject, Injectable, Post, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, provideResource, Resource, Tasks, TaskScopes } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';

/** A transaction with a row that the handler wrote: closed, it answers nothing any more. */
class Transaction {
  isOpen = true;

  save(id: string): void {
    if (!this.isOpen) throw new Error('Query runner already released');
    saved.push(id);
  }
}

let saved: string[] = [];

const transaction = (release: 'before-response' | 'after-tasks') =>
  provideResource({
    provide: Transaction,
    release,
    async *useFactory() {
      const opened = await Promise.resolve(new Transaction());
      try {
        yield opened;
      } finally {
        opened.isOpen = false;
      }
    },
  });

type AddTask = (tasks: BackgroundTasks, opened: Transaction) => unknown;

const save = (opened: Transaction, id: string): void => opened.save(id);

const ways: readonly [string, AddTask][] = [
  ['argument', (tasks, opened) => tasks.addTask(save, opened, '7')],
  ['target', (tasks, opened) => tasks.addTask(opened, 'save', '7')],
  ['argument of a method', (tasks, opened) => tasks.addTask({ save }, 'save', opened, '7')],
  [
    'argument of a task that runs on failure',
    (tasks, opened) => tasks.with({ runOn: 'failure' }).addTask(save, opened, '7'),
  ],
];

describe.each(platforms)('B22 a task that is given a before-response resource on $name', (platform) => {
  async function post(add: AddTask, release: 'before-response' | 'after-tasks' = 'before-response') {
    saved = [];
    let thrown: unknown;

    @Controller()
    class OrdersController {
      @Post()
      create(@Resource(Transaction) opened: Transaction, @Tasks() tasks: BackgroundTasks): void {
        try {
          add(tasks, opened);
        } catch (error) {
          thrown = error;
          throw error;
        }
      }
    }
    const { app, url } = await startApp(platform, {
      controllers: [OrdersController],
      providers: [transaction(release)],
    });
    const { status } = await fetchText(url, { method: 'POST' });
    await settled(app, { throwOnFailure: false });
    return { status, thrown };
  }

  it.each(ways)('is refused where it is added, and the error names the resource (%s)', async (_, add) => {
    const { status, thrown } = await post(add);

    expect(status).toBe(500);
    expect(thrown).toMatchObject({
      code: 'RESOURCE_RELEASED_EARLY',
      message: expect.stringContaining('resource Transaction') as string,
    });
    expect(saved).toEqual([]);
  });

  it("is accepted once the resource is released 'after-tasks'", async () => {
    const { status, thrown } = await post((tasks, opened) => tasks.addTask(save, opened, '7'), 'after-tasks');

    expect([status, thrown, saved]).toEqual([201, undefined, ['7']]);
  });

  it('is accepted with what the resource has read', async () => {
    const read: unknown[] = [];
    const { status } = await post((tasks, { isOpen }) => tasks.addTask((value: boolean) => read.push(value), isOpen));

    expect([status, read]).toEqual([201, [true]]);
  });

  it('is refused in a task that got hold of the resource, after its release', async () => {
    let refusal: unknown;
    await post((tasks, opened) =>
      tasks.addTask(() => {
        try {
          tasks.addTask(save, opened, '7');
        } catch (error) {
          refusal = error;
        }
      }),
    );

    expect(refusal).toMatchObject({ code: 'RESOURCE_RELEASED_EARLY' });
  });

  it('is refused where a constructor injected the resource', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Orders {
      constructor(
        @Inject(Transaction) private readonly opened: Transaction,
        private readonly tasks: BackgroundTasks,
      ) {}

      create(): string {
        try {
          this.tasks.addTask(save, this.opened, '7');
          return 'added';
        } catch (error) {
          return (error as { code: string }).code;
        }
      }
    }

    @Controller()
    class OrdersController {
      constructor(private readonly orders: Orders) {}

      @Post()
      create(): string {
        return this.orders.create();
      }
    }
    const { url } = await startApp(platform, {
      controllers: [OrdersController],
      providers: [Orders, transaction('before-response')],
    });

    expect((await fetchText(url, { method: 'POST' })).body).toBe('RESOURCE_RELEASED_EARLY');
  });

  it('is accepted for a resource whose value is no object, as two of them cannot be told apart', async () => {
    const tenant = provideResource({
      provide: 'tenant',
      release: 'before-response',
      useFactory: () => 'acme',
      dispose: () => undefined,
    });
    const greeted: string[] = [];

    @Controller()
    class TenantController {
      @Post()
      greet(@Resource('tenant') name: string, @Tasks() tasks: BackgroundTasks): void {
        tasks.addTask((who: string) => void greeted.push(who), name);
      }
    }
    const { app, url } = await startApp(platform, { controllers: [TenantController], providers: [tenant] });
    await fetchText(url, { method: 'POST' });
    await settled(app);

    expect(greeted).toEqual(['acme']);
  });

  it('is refused in a unit of work, too', async () => {
    const { app } = await startApp(platform, { providers: [transaction('before-response')] });

    const work = app.get(TaskScopes).run(async ({ tasks, resolve }) => {
      tasks.addTask(save, await resolve(Transaction), '7');
    });

    await expect(work).rejects.toMatchObject({ code: 'RESOURCE_RELEASED_EARLY' });
  });
});
