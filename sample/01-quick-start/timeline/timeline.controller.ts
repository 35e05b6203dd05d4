import { Controller, type MessageEvent, NotFoundException, Param, Sse } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { Timelines } from './timelines.js';

/** Streams what happens in one request; the stream ends with it. */
@Controller('timeline')
export class TimelineController {
  constructor(private readonly timelines: Timelines) {}

  @Sse(':id')
  follow(@Param('id') id: string): Observable<MessageEvent> {
    const timeline = this.timelines.find(id);
    if (!timeline) throw new NotFoundException(`No request ${id} is remembered`);
    return timeline.events.pipe(map((event) => ({ data: event })));
  }
}
