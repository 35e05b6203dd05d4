import { Controller, Get, Injectable, Res } from '@nestjs/common';
import { EventEmitter2, OnEvent } from '@nestjs/event-emitter';
import type { ServerResponse } from 'node:http';
import { answer, work } from './work.js';

@Controller()
export class Bare {
  @Get()
  get() {
    return answer;
  }
}

@Controller()
export class OnFinish {
  @Get()
  get(@Res({ passthrough: true }) response: ServerResponse & { raw?: ServerResponse }) {
    (response.raw ?? response).on('finish', () => void work(1));
    return answer;
  }
}

@Controller()
export class Immediate {
  @Get()
  get() {
    setImmediate(() => void work(1));
    return answer;
  }
}

@Injectable()
export class Listener {
  @OnEvent('answered', { async: true })
  answered(amount: number) {
    return work(amount);
  }
}

@Controller()
export class Emitting {
  constructor(private readonly events: EventEmitter2) {}

  @Get()
  get() {
    this.events.emit('answered', 1);
    return answer;
  }
}
