import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { BackgroundTasksHealthIndicator } from './background-tasks.health.js';

/** Provides the health indicator. Import it where a health controller is, beside `TerminusModule`. */
@Module({
  imports: [TerminusModule],
  providers: [BackgroundTasksHealthIndicator],
  exports: [BackgroundTasksHealthIndicator],
})
export class BackgroundTasksHealthModule {}
