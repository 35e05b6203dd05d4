import { Controller, Get, Headers, Inject, Req } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { type BackgroundTasks, Tasks } from '../../src/index.js';
import { type Deferred, deferred } from './deferred.js';
import { Timeline } from './timeline.js';

/** Reads the value of the request from whatever keeps it in the async context. */
export abstract class RequestContext {
  abstract read(): unknown;
}

/** What the tasks of a request found, against what the request was given. */
export class Sightings {
  readonly timeline = new Timeline();
  readonly gates = new Map<string, Deferred>();
  readonly seen: { readonly expected: string; readonly found: unknown }[] = [];

  get mismatches() {
    return this.seen.filter(({ expected, found }) => expected !== found);
  }

  async look(expected: string, context: RequestContext): Promise<void> {
    this.seen.push({ expected, found: context.read() });
    await Promise.resolve();
    this.seen.push({ expected, found: context.read() });
  }

  gate(name: string): Deferred {
    return this.gates.get(name) ?? this.gates.set(name, deferred()).get(name)!;
  }
}

@Controller()
export class ContextController {
  constructor(
    @Inject(RequestContext) private readonly context: RequestContext,
    @Inject(Sightings) private readonly sightings: Sightings,
  ) {}

  @Get('plain')
  plain(@Headers('x-id') id: string, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(this.sightings, 'look', id, this.context);
    return { id };
  }

  @Get('later')
  async later(@Headers('x-id') id: string, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(this.sightings, 'look', id, this.context);
    await Promise.resolve();
    tasks.addTask(this.sightings, 'look', id, this.context);
    return { id };
  }

  /** Answers when its gate opens. */
  @Get('held')
  async held(
    @Headers('x-id') id: string,
    @Tasks() tasks: BackgroundTasks,
    @Req() request: { raw?: IncomingMessage } & IncomingMessage,
  ) {
    (request.raw ?? request).socket.once('close', () => this.sightings.timeline.note(`gone ${id}`));
    tasks.addTask(this.sightings, 'look', id, this.context);
    this.sightings.timeline.note(`handling ${id}`);
    await this.sightings.gate(id).promise;
    tasks.addTask(this.sightings, 'look', id, this.context);
    return { id };
  }
}
