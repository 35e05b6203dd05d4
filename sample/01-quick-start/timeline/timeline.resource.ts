import { REQUEST } from '@nestjs/core';
import type { IncomingMessage } from 'node:http';
import { provideResource } from 'nestjs-background-tasks';
import { Timeline } from './timeline.js';
import { Timelines } from './timelines.js';

/** Whoever writes to the timeline depends on it, so it is closed last: after every task and every other resource. */
export const timelineResource = provideResource({
  provide: Timeline,
  inject: [REQUEST, Timelines],
  *useFactory(request: IncomingMessage, timelines: Timelines) {
    const timeline = timelines.of(request);
    try {
      yield timeline;
    } finally {
      timeline.close();
    }
  },
});
