import { Controller, Get, Inject, Injectable, Module, type Type, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BullMqBackend,
  BullMqBackgroundTasksModule,
  BullMqHealth,
  BullMqSchedules,
  BullMqTasks,
} from '../../src/bullmq/index.js';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksInterceptor,
  BackgroundTasksModule,
  BackgroundTasksRef,
  defineTask,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { threadTask, WorkerThreadsModule } from '../../src/worker-threads/index.js';
import { platforms } from '../support/platforms.js';

const ROOT = 'BackgroundTasksModule.forRoot()';
const QUEUE = "BullMqBackgroundTasksModule.forRoot({ connection: 'redis://localhost:6379' })";

const SendInvoice = defineTask<{ id: string }>({ name: 'send-invoice' });

@TaskHandler(SendInvoice)
class SendInvoiceHandler {
  run({ id }: { id: string }) {
    return id;
  }
}

class Session {}
const session = provideResource({ provide: Session, useFactory: () => new Session(), dispose: () => undefined });

@Controller('users')
class TasksController {
  @Get()
  list(@Tasks() tasks: BackgroundTasks) {
    return tasks.pending.length;
  }
}

@Controller('users')
class ResourceController {
  @Get()
  list(@Resource(Session) current: Session) {
    return current instanceof Session;
  }
}

@Controller('users')
@UseInterceptors(BackgroundTasksInterceptor)
class InterceptedController {
  @Get()
  list() {
    return [];
  }
}

/** Each way to use the package, and what the error calls it. */
const uses: readonly Use[] = [
  { use: '@Tasks()', controllers: [TasksController], named: '@Tasks() in TasksController.list() of UsersModule' },
  {
    use: '@Resource()',
    controllers: [ResourceController],
    named: '@Resource(Session) in ResourceController.list() of UsersModule',
  },
  {
    use: 'BackgroundTasksInterceptor',
    controllers: [InterceptedController],
    named: 'BackgroundTasksInterceptor in UsersModule',
  },
  ...[BackgroundTasks, BackgroundTasksRef, BackgroundTasksHost, TaskScopes].flatMap((token) => [
    { use: `${token.name} in a constructor`, providers: [injects(token)], named: `Mailer of UsersModule` },
    { use: `${token.name} in a property`, providers: [hasProperty(token)], named: `Mailer of UsersModule` },
  ]),
  { use: 'provideResource()', providers: [session], named: 'Session of UsersModule' },
  { use: '@TaskHandler()', providers: [SendInvoiceHandler], named: '@TaskHandler() SendInvoiceHandler of UsersModule' },
];

describe.each(platforms)('without BackgroundTasksModule on $name', (platform) => {
  it.each(uses)('$use stops the start-up, and names the line to write', async ({ controllers, providers, named }) => {
    @Module({ controllers: controllers ?? [], providers: providers ?? [] })
    class UsersModule {}
    @Module({ imports: [UsersModule] })
    class AppModule {}

    const starting = start(AppModule);

    await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    await expect(starting).rejects.toThrow(named);
    await expect(starting).rejects.toThrow(`imports: [${ROOT}]`);
  });

  it.each(uses)('$use works once that line is written', async ({ controllers, providers }) => {
    @Module({ controllers: controllers ?? [], providers: [session, ...(providers ?? [])] })
    class UsersModule {}
    @Module({ imports: [BackgroundTasksModule.forRoot(), UsersModule] })
    class AppModule {}

    const app = await start(AppModule);

    const { status } = await fetch(`${await app.getUrl()}/users`);
    expect(status).toBe(controllers ? 200 : 404);
  });

  async function start(module: Type) {
    const app = await NestFactory.create(module, platform.adapter(), { logger: false, abortOnError: false });
    onTestFinished(() => app.close());
    await app.listen(0, '127.0.0.1');
    return app;
  }
});

describe('an application without a server and without BackgroundTasksModule', () => {
  it('stops at a @TaskHandler() as well', async () => {
    await expect(startContext({ providers: [SendInvoiceHandler] })).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  });

  it('stops at BullMqBackgroundTasksModule, whose worker would never start', async () => {
    const queue = BullMqBackgroundTasksModule.forRoot({ connection: 'redis://127.0.0.1:1' });

    const starting = startContext({ imports: [queue] });

    await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    await expect(starting).rejects.toThrow('BullMqBackgroundTasksModule needs BackgroundTasksModule');
    await expect(starting).rejects.toThrow(`imports: [${ROOT}]`);
  });

  it('takes WorkerThreadsModule, because functions in threads can be awaited without tasks', async () => {
    await expect(startContext({ imports: [WorkerThreadsModule.forRoot()] })).resolves.toBeDefined();
    expect(threadTask(new URL('file:///thumbnail.js'), 'resize')).toBeTypeOf('function');
  });

  it('is named by settled() as well', async () => {
    const app = await startContext({});

    await expect(settled(app)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  });
});

describe('a module that is imported without forRoot()', () => {
  it.each([
    { module: BackgroundTasksModule, says: 'Root imports BackgroundTasksModule', line: ROOT, others: [] },
    {
      module: BullMqBackgroundTasksModule,
      says: 'BullMqBackgroundTasksModule is imported',
      line: QUEUE,
      others: [BackgroundTasksModule.forRoot()],
    },
    {
      module: WorkerThreadsModule,
      says: 'WorkerThreadsModule is imported',
      line: 'WorkerThreadsModule.forRoot()',
      others: [],
    },
  ])('stops the start-up: $module.name', async ({ module, says, line, others }) => {
    const starting = startContext({ imports: [...others, module] });

    await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    await expect(starting).rejects.toThrow(`${says} without forRoot()`);
    await expect(starting).rejects.toThrow(`imports: [${line}]`);
  });

  it.each(['before', 'after'])(
    'stops it in a feature module, which is to remove it: imported %s forRoot()',
    async (place) => {
      @Module({ imports: [BackgroundTasksModule] })
      class UsersModule {}
      const imports = [BackgroundTasksModule.forRoot(), UsersModule];

      const starting = startContext({ imports: place === 'before' ? imports.toReversed() : imports });

      await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
      await expect(starting).rejects.toThrow(
        /^UsersModule imports BackgroundTasksModule without forRoot\(\)\. Remove that import: another module has forRoot\(\)\.$/,
      );
    },
  );
});

describe('a class of this package in the providers of a module', () => {
  it.each([BackgroundTasksRef, TaskScopes, BackgroundTasksHost])(
    'stops the start-up without forRoot(): %o',
    async (type) => {
      const starting = startContext({ providers: [type] });

      await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
      await expect(starting).rejects.toThrow(`imports: [${ROOT}]`);
    },
  );

  it.each([
    { where: 'beside forRoot()', others: [BackgroundTasksModule.forRoot()] },
    { where: 'without forRoot()', others: [] },
  ])('stops the start-up, because BackgroundTasks has no methods there: $where', async ({ others }) => {
    @Module({ imports: others, providers: [BackgroundTasks as unknown as Type] })
    class UsersModule {}

    const starting = NestFactory.createApplicationContext(UsersModule, { logger: false, abortOnError: false });

    await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    await expect(starting).rejects.toThrow(/^BackgroundTasks is in the providers of UsersModule\. Remove it there/);
  });
});

describe('without BullMqBackgroundTasksModule', () => {
  it.each([{ token: BullMqBackend }, { token: BullMqHealth }, { token: BullMqSchedules }, { token: BullMqTasks }])(
    '$token.name names the line to write',
    async ({ token }) => {
      const starting = startContext({ imports: [BackgroundTasksModule.forRoot()], providers: [injects(token)] });

      await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
      await expect(starting).rejects.toThrow(`Mailer of Root injects ${token.name}`);
      await expect(starting).rejects.toThrow(`imports: [${QUEUE}]`);
    },
  );
});

describe('what does not need the module', () => {
  it('is a unit test of a controller whose handler it calls itself', async () => {
    const module = await Test.createTestingModule({ controllers: [TasksController] }).compile();

    expect(module.get(TasksController).list(new RecordingBackgroundTasks())).toBe(0);
  });

  it('is a unit test of a handler', async () => {
    const module = await Test.createTestingModule({ providers: [SendInvoiceHandler] }).compile();

    expect(module.get(SendInvoiceHandler).run({ id: '1' })).toBe('1');
  });

  it('is a test that provides its own BackgroundTasks, or mocks them', async () => {
    const recorded = new RecordingBackgroundTasks();
    const providers = [injects(BackgroundTasks), { provide: BackgroundTasks, useValue: recorded }];

    const provided = await Test.createTestingModule({ providers }).compile();
    const mocked = await Test.createTestingModule({ providers: [injects(BackgroundTasks)] })
      .useMocker((token) => (token === BackgroundTasks ? recorded : undefined))
      .compile();

    await expect(provided.init()).resolves.toBeDefined();
    await expect(mocked.init()).resolves.toBeDefined();
  });

  it('is an application that uses nothing of the package', async () => {
    await expect(startContext({ providers: [injects(Session), Session] })).resolves.toBeDefined();
  });

  it('is a provider for which the tasks are optional', async () => {
    const optional = { provide: 'optional', inject: [{ token: BackgroundTasks, optional: true }], useFactory: String };

    const app = await startContext({ providers: [optional] });

    expect(app.get('optional')).toBe('undefined');
  });
});

it('leaves the error for a module that cannot see the registration to Nest, which names both', async () => {
  @Module({ imports: [BackgroundTasksModule.forRoot({ isGlobal: false })] })
  class TasksModule {}

  const starting = startContext({ imports: [TasksModule], providers: [injects(BackgroundTasks)] });

  await expect(starting).rejects.toThrow(/Nest can't resolve dependencies of the Mailer .*BackgroundTasks.*Root/s);
});

async function startContext(metadata: { imports?: unknown[]; providers?: unknown[] }) {
  class Root {}
  const app = await NestFactory.createApplicationContext({ module: Root, ...(metadata as object) }, QUIETLY);
  onTestFinished(() => app.close());
  return app;
}

function injects(token: unknown): Type {
  @Injectable()
  class Mailer {
    constructor(@Inject(token as Type) readonly injected: unknown) {}
  }
  return Mailer;
}

function hasProperty(token: unknown): Type {
  @Injectable()
  class Mailer {
    @Inject(token as Type) readonly injected: unknown;
  }
  return Mailer;
}

const QUIETLY = { logger: false, abortOnError: false } as const;

interface Use {
  readonly use: string;
  readonly named: string;
  readonly controllers?: Type[];
  readonly providers?: Parameters<typeof Test.createTestingModule>[0]['providers'];
}
