import { Module } from '@nestjs/common';
import { TimelineController } from './timeline.controller.js';
import { timelineResource } from './timeline.resource.js';
import { Timeline } from './timeline.js';
import { Timelines } from './timelines.js';

@Module({
  controllers: [TimelineController],
  providers: [Timelines, timelineResource],
  exports: [Timelines, Timeline],
})
export class TimelineModule {}
