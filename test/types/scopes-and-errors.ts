import {
  BackgroundTasks,
  type BackgroundTasksError,
  BackgroundTasksHost,
  BackgroundTasksRef,
  currentTask,
  QueueFullError,
  type TaskObserver,
  TaskScopes,
} from '../../src/index.js';

export async function correct(scopes: TaskScopes, ref: BackgroundTasksRef, host: BackgroundTasksHost): Promise<string> {
  ref.current.addTask(() => undefined);
  await host.drain({ timeoutMs: 1 });
  const task = currentTask();
  await fetch('http://127.0.0.1', { signal: task.signal });
  task.progress({ done: task.attempt });
  return scopes.run(
    async (scope) => {
      scope.tasks.addTask(() => undefined);
      const tasks = await scope.resolve(BackgroundTasks);
      tasks.addTask(() => undefined);
      const mailer = await scope.resolve(Mailer);
      return mailer.address + JSON.stringify(scope.context);
    },
    { context: { tenant: 'acme' } },
  );
}

export async function wrong(scopes: TaskScopes, ref: BackgroundTasksRef, host: BackgroundTasksHost): Promise<void> {
  // @ts-expect-error -- the tasks are behind current
  ref.addTask(() => undefined);
  // @ts-expect-error -- what the work returns is what run() resolves with
  const count: number = await scopes.run(() => 'text');
  // @ts-expect-error -- a mailer has no such member
  await scopes.run(async (scope) => (await scope.resolve(Mailer)).adress);
  // @ts-expect-error -- a context is JSON, and a date is not
  await scopes.run(() => 1, { context: { at: new Date() } });
  // @ts-expect-error -- misspelt
  await scopes.run(() => 1, { contxt: 'acme' });
  // @ts-expect-error -- milliseconds are a number
  await host.drain({ timeoutMs: '1s' });
  // @ts-expect-error -- there is no such count
  count.toFixed(host.stats().lost);
  // @ts-expect-error -- only the package draws one up
  host.isDraining = true;
  // @ts-expect-error -- a task cannot say which attempt it is
  currentTask().attempt = 2;
}

export function codes(error: BackgroundTasksError): number {
  if (error.code === 'QUEUE_FULL') return 503;
  // @ts-expect-error -- there is no such code
  if (error.code === 'QUEUE_EMPTY') return 500;
  // @ts-expect-error -- a code is permanent
  error.code = 'QUEUE_FULL';
  // @ts-expect-error -- it needs a task and a limit
  return new QueueFullError().status;
}

export const correctObserver: TaskObserver = { taskSettled: ({ report: { durationMs } }) => durationMs.toFixed(1) };

// @ts-expect-error -- misspelt
export const wrongObserver: TaskObserver = { taskFinished: () => undefined };

class Mailer {
  readonly address = 'noreply@example.org';
}
