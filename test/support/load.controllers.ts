import { Controller, Get, Param, Query, Res, Sse } from '@nestjs/common';
import { of } from 'rxjs';
import { type BackgroundTasks, Tasks } from '../../src/index.js';
import { type Deferred, deferred } from './deferred.js';
import { Timeline } from './timeline.js';

/** Makes a controller whose tasks end when the test says so. */
export function loadController() {
  const timeline = new Timeline();
  const gates = new Map<string, Deferred>();
  const gate = (name: string) => gates.get(name) ?? gates.set(name, deferred()).get(name)!;
  const addTo = (tasks: BackgroundTasks, name: string, count: number) => {
    for (let i = 0; i < count; i++) {
      tasks.with({ name }).addTask(() => {
        timeline.note(`ran ${name}`);
        return gate(name).promise;
      });
    }
    timeline.note(`added ${name}`);
  };

  @Controller()
  class LoadController {
    @Get('ping')
    ping() {
      return 'pong';
    }

    /** Adds so many tasks, which run until their gate opens. */
    @Get('add/:name')
    add(@Param('name') name: string, @Query('count') count: string, @Tasks() tasks: BackgroundTasks) {
      timeline.note(`handling ${name}`);
      addTo(tasks, name, Number(count));
      return { name };
    }

    /** Adds two tasks, the second when its gate 'second' opens. */
    @Get('pair/:name')
    async pair(
      @Param('name') name: string,
      @Query('cancels') cancels: string | undefined,
      @Tasks() tasks: BackgroundTasks,
    ) {
      addTo(tasks, name, 1);
      await gate('second').promise;
      addTo(tasks, `second ${name}`, 1);
      // Withdraws a task while the response is held for it.
      if (cancels)
        void gate('cancel')
          .promise.then(() => tasks.cancel(`second ${name}`))
          .then(() => timeline.note('cancelled'));
      return {};
    }

    /** Its task runs although it fails, and adds another. */
    @Get('fail/:name')
    fail(@Param('name') name: string, @Tasks() tasks: BackgroundTasks) {
      tasks.with({ runOn: 'always' }).addTask(() => addTo(tasks.with({ runOn: 'always' }), `after ${name}`, 1));
      timeline.note(`added ${name}`);
      throw new Error('handler');
    }

    /** Goes on when it is refused. */
    @Get('catch/:name')
    catch(@Param('name') name: string, @Query('count') count: string, @Tasks() tasks: BackgroundTasks) {
      return { code: codeOf(() => addTo(tasks, name, Number(count))) };
    }

    @Get('manual/:name')
    manual(
      @Param('name') name: string,
      @Tasks() tasks: BackgroundTasks,
      @Res() response: { send(body: string): void },
    ) {
      response.send(codeOf(() => addTo(tasks, name, 1)));
    }

    @Sse('sse/:name')
    sse(@Param('name') name: string, @Tasks() tasks: BackgroundTasks) {
      return of({ data: codeOf(() => addTo(tasks, name, 1)) });
    }
  }
  return { LoadController, timeline, gate };
}

function codeOf(work: () => void): string {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
