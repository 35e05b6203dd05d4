import { Injectable, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { deferred } from '../support/deferred.js';
import { type RunningContext, startContext } from '../support/start-context.js';

const freed = deferred();

describe('B18 a shutdown that takes a while', () => {
  it('says once what it waits for, and how it ended', async () => {
    const units = await startContext({ providers: [SlowSession], options: { shutdownTimeoutMs: 12_500 } });
    const { app, logs } = units;
    const ended = [startTasks(units), startUnit(units), startDisposal(units)];
    await Promise.all(ended.map(({ begun }) => begun));

    const closed = app.close();
    await logs.until('lines', 'Shutting down');
    freed.resolve();
    await closed;

    expect(logs.lines).toEqual([
      'Shutting down: waiting for 12 tasks (hold, mail ×2, task1, task2, task3, task4, task5, task6, task7, task8, …), ' +
        '1 unit of work, and the disposal of SlowSession, up to 12.5 s. BackgroundTasks',
      expect.stringMatching(/^Shutting down: everything has ended after \d+(\.\d)? s\. BackgroundTasks$/),
    ]);
    expect(logs.errors).toEqual([]);
  });

  it('says nothing when it ends at once', async () => {
    const { app, logs, run } = await startContext();
    await run((tasks) => void tasks.addTask(() => undefined));

    await app.close();

    expect(logs.lines).toEqual([]);
  });
});

function startTasks({ run }: RunningContext) {
  const begun = deferred();
  void run((tasks) => {
    tasks.addTask(function hold() {
      begun.resolve();
      return freed.promise;
    });
    for (let count = 0; count < 2; count++) tasks.addTask(function mail() {});
    for (let count = 1; count < 10; count++) tasks.with({ name: `task${count}` }).addTask(() => undefined);
  });
  return { begun: begun.promise };
}

function startUnit({ scopes }: RunningContext) {
  const begun = deferred();
  void scopes.run(() => {
    begun.resolve();
    return freed.promise;
  });
  return { begun: begun.promise };
}

function startDisposal({ scopes }: RunningContext) {
  void scopes.run((scope) => scope.resolve(SlowSession));
  return { begun: SlowSession.disposing.promise };
}

@Injectable({ scope: Scope.REQUEST })
class SlowSession {
  static readonly disposing = deferred();

  [Symbol.asyncDispose](): Promise<void> {
    SlowSession.disposing.resolve();
    return freed.promise;
  }
}
