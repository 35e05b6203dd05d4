import {
  type BeforeApplicationShutdown,
  Controller,
  Global,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  Post,
  Scope,
  type Type,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, BackgroundTasksModule } from '../../src/index.js';
import { drainBegun, idleConnection, portOf } from '../support/connections.js';
import { deferred } from '../support/deferred.js';
import { type Platform, platforms } from '../support/platforms.js';
import { RecordedLogs } from '../support/recorded-logs.js';
import { Timeline } from '../support/timeline.js';

/** Ways to import the package's module beside the modules whose resources tasks use. */
const arrangements: readonly {
  readonly name: string;
  readonly arrange: (pools: readonly Type[], routes: Type) => ModuleMetadata;
}[] = [
  { name: 'first', arrange: (pools, routes) => ({ imports: [BackgroundTasksModule.forRoot(), ...pools, routes] }) },
  { name: 'last', arrange: (pools, routes) => ({ imports: [...pools, routes, BackgroundTasksModule.forRoot()] }) },
  {
    name: 'by a feature module',
    arrange: (pools, routes) => ({ imports: [...pools, importedBy(BackgroundTasksModule.forRoot()), routes] }),
  },
  {
    name: 'above modules that are deeper in the tree',
    arrange: (pools, routes) => ({ imports: [importedBy(...pools), BackgroundTasksModule.forRoot(), routes] }),
  },
];

const table = platforms.flatMap((platform) => arrangements.map((arrangement) => ({ platform, ...arrangement })));

describe('B18 resources of other modules', () => {
  it.each(table)(
    'are open until tasks and disposers of requests in flight have ended: imported $name, on $platform.name',
    async ({ platform, arrange }) => {
      const run = new Run();
      const pools = hooks.flatMap((hook) => [poolModule(run, hook), globally(poolModule(run, hook))]);
      const { app, url, port, logs } = await start(platform, arrange(pools, routesModule(run)));
      const idle = await idleConnection(port);
      const answer = fetch(`${url}/work`, { method: 'POST' });
      await run.entered.promise;

      const closed = app.close();
      await drainBegun(idle);
      run.proceed.resolve();
      expect((await answer).status).toBe(201);
      await closed;

      expect(run.timeline.events.slice(0, 3)).toEqual(['handler', 'task', 'disposed']);
      expect(run.timeline.events.slice(3)).toHaveLength(run.pools.length);
      expect(new Set(run.timeline.events.slice(3))).toEqual(new Set(hooks.map((hook) => `closed in ${hook}`)));
      expect(logs.errors).toEqual([]);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
    },
  );
});

type Hook = keyof OnModuleDestroy | keyof BeforeApplicationShutdown | keyof OnApplicationShutdown;

/** Prisma closes in the first; TypeORM and Mongoose in the last. */
const hooks: readonly Hook[] = ['onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown'];

class Run {
  readonly timeline = new Timeline();
  readonly entered = deferred();
  readonly proceed = deferred();
  readonly pools: Pool[] = [];

  use(by: string): void {
    for (const pool of this.pools) pool.use();
    this.timeline.note(by);
  }
}

class Pool {
  isOpen = true;

  constructor(private readonly hook: Hook) {}

  use(): void {
    if (!this.isOpen) throw new Error(`A pool was used after ${this.hook} had closed it.`);
  }
}

/** A module with a pool that closes in that hook. */
function poolModule(run: Run, hook: Hook): Type {
  const pool = new Pool(hook);
  run.pools.push(pool);
  @Module({
    providers: [
      {
        provide: Pool,
        useValue: Object.assign(pool, {
          [hook]: () => {
            pool.isOpen = false;
            run.timeline.note(`closed in ${hook}`);
          },
        }),
      },
    ],
  })
  class PoolModule {}
  return PoolModule;
}

function globally(module: Type): Type {
  Global()(module);
  return module;
}

function routesModule(run: Run): Type {
  @Injectable({ scope: Scope.REQUEST })
  class Session {
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.resolve();
      run.use('disposed');
    }
  }

  @Controller('work')
  class Routes {
    constructor(
      @Inject(BackgroundTasks) private readonly tasks: BackgroundTasks,
      readonly session: Session,
    ) {}

    @Post()
    async work(): Promise<void> {
      run.entered.resolve();
      await run.proceed.promise;
      run.use('handler');
      this.tasks.addTask(async () => {
        await Promise.resolve();
        run.use('task');
      });
    }
  }

  @Module({ controllers: [Routes], providers: [Session] })
  class RoutesModule {}
  return RoutesModule;
}

function importedBy(...imports: NonNullable<ModuleMetadata['imports']>): Type {
  @Module({ imports })
  class ImportingModule {}
  return ImportingModule;
}

async function start(platform: Platform, metadata: ModuleMetadata) {
  const module = await Test.createTestingModule(metadata).compile();
  const logs = new RecordedLogs();
  const app = module.createNestApplication(platform.adapter(), { logger: logs });
  await app.listen(0, '127.0.0.1');
  onTestFinished(() => app.close());
  const port = portOf(app);
  return { app, logs, port, url: `http://127.0.0.1:${port}` };
}
