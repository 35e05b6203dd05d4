import { Controller, Get, Injectable, type Provider, type Type } from '@nestjs/common';
import { BackgroundTasks, BackgroundTasksRef, provideResource, Resource, Tasks } from 'nestjs-background-tasks';
import { answer, work } from './work.js';

@Controller()
export class OneTask {
  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    tasks.addTask(work, 1);
    return answer;
  }
}

@Controller()
export class FiveTasks {
  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    for (let amount = 1; amount <= 5; amount++) tasks.addTask(work, amount);
    return answer;
  }
}

@Controller()
export class ThroughRef {
  constructor(private readonly ref: BackgroundTasksRef) {}

  @Get()
  get() {
    this.ref.current.addTask(work, 1);
    return answer;
  }
}

/** Merely there: where anything injects the reference, requests are found through AsyncLocalStorage. */
@Injectable()
export class AuditLog {
  constructor(readonly ref: BackgroundTasksRef) {}
}

@Controller()
export class Injected {
  constructor(private readonly tasks: BackgroundTasks) {}

  @Get()
  get() {
    this.tasks.addTask(work, 1);
    return answer;
  }
}

export class Session {
  readonly id = 1;
}

export const session = provideResource({
  provide: Session,
  async *useFactory() {
    yield new Session();
  },
});

@Controller()
export class WithSession {
  constructor(private readonly current: Session) {}

  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    tasks.addTask(work, this.current.id);
    return answer;
  }
}

const tokens = Array.from({ length: 5 }, (_, level) => `level-${level}`);

export const chain: Provider[] = tokens.map((provide, level) =>
  provideResource({
    provide,
    inject: level === 0 ? [] : [tokens[level - 1]!],
    async *useFactory() {
      yield new Session();
    },
  }),
);

/** A controller whose resource depends on another, and so on, that many levels deep. */
export function deep(levels: number): Type {
  @Controller()
  class Deep {
    @Get()
    get(@Resource(tokens[levels - 1]!) current: Session, @Tasks() tasks: BackgroundTasks) {
      tasks.addTask(work, current.id);
      return answer;
    }
  }
  return Deep;
}
