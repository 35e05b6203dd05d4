import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { type BullBoardInstance, BullBoardModule, InjectBullBoard } from '@bull-board/nestjs';
import { Module, type OnModuleInit } from '@nestjs/common';
import { BullMqBackend } from 'nestjs-background-tasks/bullmq';
import { Settings } from '../settings.js';
import { SettingsModule } from '../settings.module.js';
import { boardGuard } from './board-guard.js';

/** BullMQ's own dashboard, on the queue that the tasks are in. */
@Module({
  imports: [
    BullBoardModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: (settings: Settings) => ({
        route: '/queues',
        adapter: ExpressAdapter,
        middleware: boardGuard(settings),
      }),
    }),
  ],
})
export class BoardModule implements OnModuleInit {
  constructor(
    @InjectBullBoard() private readonly board: BullBoardInstance,
    private readonly backend: BullMqBackend,
  ) {}

  onModuleInit(): void {
    this.board.addQueue(new BullMQAdapter(this.backend.queue));
  }
}
