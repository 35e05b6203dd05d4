import { Controller, Get } from '@nestjs/common';
import { type BackgroundTasks, type OnRequestDispose, Resource, type TaskOutcome, Tasks } from '../../src/index.js';

class Session {
  readonly id = 1;
}

@Controller()
export class Correct {
  @Get()
  both(
    @Tasks() _tasks: BackgroundTasks,
    @Resource(Session) _session: Session,
    @Resource('TOKEN') _value: string,
  ): void {}
}

@Controller()
export class Wrong {
  @Get()
  // @ts-expect-error -- it is called
  notCalled(@Tasks _tasks: BackgroundTasks): void {}

  @Get()
  // @ts-expect-error -- it takes nothing
  withArgument(@Tasks('all') _tasks: BackgroundTasks): void {}

  @Get()
  // @ts-expect-error -- which resource?
  withoutToken(@Resource() _session: Session): void {}

  @Get()
  // @ts-expect-error -- an instance is no token
  withInstance(@Resource(new Session()) _session: Session): void {}

  // @ts-expect-error -- a handler's parameter, not a property
  @Tasks() readonly tasks!: BackgroundTasks;
}

export class CorrectlyDisposed implements OnRequestDispose {
  onRequestDispose(outcome: TaskOutcome): unknown {
    return outcome.error;
  }
}

export class WronglyDisposed implements OnRequestDispose {
  // @ts-expect-error -- it is given an outcome
  onRequestDispose(_reason: string): void {}
}
