import {
  Body,
  Controller,
  ForbiddenException,
  Get,
  HttpCode,
  Injectable,
  Module,
  type ModuleMetadata,
  Param,
  Post,
} from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import {
  BackgroundTasksModule,
  BackgroundTasksRef,
  currentTask,
  defineTask,
  type Handles,
  provideResource,
  Resource,
  TaskHandler,
  type BackgroundTasks,
  Tasks,
} from '../../src/index.js';
import { BackgroundTasksInspectorModule } from '../../src/inspector/index.js';

/** A shop whose requests have lives of every shape. */
export class DbSession {
  async run(ms: number): Promise<void> {
    await wait(ms);
  }
}

class Transaction {}

const dbSession = provideResource({
  provide: DbSession,
  async *useFactory() {
    await wait(6);
    yield new DbSession();
    await wait(12);
  },
});

const transaction = provideResource({
  provide: Transaction,
  inject: [DbSession],
  async *useFactory(session: DbSession) {
    yield new Transaction();
    await session.run(9);
  },
  release: 'before-response',
});

const RenderInvoice = defineTask<{ readonly orderId: string }>({ name: 'render-invoice' });

@TaskHandler(RenderInvoice)
class RenderInvoiceHandler implements Handles<typeof RenderInvoice> {
  constructor(
    private readonly tasks: BackgroundTasksRef,
    private readonly session: DbSession,
  ) {}

  async run(): Promise<void> {
    await this.session.run(60);
    currentTask().progress(50);
    this.tasks.current.with({ name: 'store-pdf' }).addTask(() => this.session.run(35));
  }
}

@Injectable()
class Mailer {
  async sendReceipt(_address: string): Promise<void> {
    await wait(118);
  }

  sendReport(_address: string): Promise<void> {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:25');
    return Promise.reject(new Error('the report could not be sent', { cause }));
  }
}

@Controller()
class ShopController {
  constructor(private readonly mailer: Mailer) {}

  @Post('orders')
  async order(
    @Tasks() tasks: BackgroundTasks,
    @Resource(DbSession) session: DbSession,
    @Resource(Transaction) _transaction: Transaction,
    @Body('email') email = 'ada@example.com',
  ): Promise<object> {
    await session.run(24);
    tasks.addTask(this.mailer, 'sendReceipt', email);
    for (const row of ['created', 'priced', 'paid', 'packed']) {
      tasks.with({ name: 'write-audit' }).addTask((_row: string) => session.run(14), row);
    }
    let calls = 0;
    tasks
      .with({ name: 'notify-warehouse', retry: { attempts: 3, delayMs: 45, factor: 1.5, jitter: 0 } })
      .addTask(async () => {
        await wait(22);
        if (++calls < 3) throw new Error('the warehouse answered 502');
      });
    tasks.enqueue(RenderInvoice, { orderId: '42' });
    tasks.with({ name: 'refund', runOn: 'failure' }).addTask(() => undefined);
    return { id: 42 };
  }

  @Post('reports/:id')
  @HttpCode(202)
  async report(@Param('id') _id: string, @Tasks() tasks: BackgroundTasks): Promise<object> {
    await wait(8);
    tasks.with({ name: 'collect-figures' }).addTask(() => wait(70));
    tasks.addTask(this.mailer, 'sendReport', 'ada@example.com');
    return { accepted: true };
  }

  @Get('items/:id')
  item(@Param('id') _id: string, @Tasks() tasks: BackgroundTasks): object {
    tasks.with({ name: 'count-view' }).addTask(() => wait(3));
    return { name: 'lamp' };
  }

  @Post('imports')
  async import(@Tasks() tasks: BackgroundTasks, @Resource(DbSession) session: DbSession): Promise<void> {
    tasks.with({ name: 'index-import' }).addTask(() => session.run(10));
    await session.run(30);
    throw new TypeError("Cannot read properties of undefined (reading 'sku')");
  }

  @Get('admin')
  admin(@Tasks() tasks: BackgroundTasks): void {
    tasks.with({ name: 'log-denial', runOn: 'failure' }).addTask(() => wait(2));
    throw new ForbiddenException();
  }
}

export const shop = {
  providers: [Mailer, dbSession, transaction, RenderInvoiceHandler],
  controllers: [ShopController],
} satisfies ModuleMetadata;

/** The shop as an application of its own, with a page for whoever asks from this machine. */
@Module({
  imports: [
    BackgroundTasksModule.forRoot(),
    BackgroundTasksInspectorModule.forRoot({ path: 'background-tasks', unsafe: 'loopback-only' }),
  ],
  ...shop,
})
export class ShopModule {}
