import { describe, expect, it } from 'vitest';
import { type EnqueuedTask, TaskBackend } from '../../src/backend/index.js';
import { defineTask, TaskHandler, TaskScopes } from '../../src/index.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { hostileObjects, raise, withGetter } from '../support/hostile-values.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

const Work = defineTask<number>({ name: 'work' });

@TaskHandler(Work)
class WorkHandler {
  run(): void {}
}

/** Enqueues a task on a backend that does this with it. */
async function enqueueOn(accept: () => unknown) {
  class Backend extends TaskBackend {
    override accept(_batch: readonly EnqueuedTask[]): Promise<void> {
      return accept() as Promise<void>;
    }
  }
  const { app, host } = await startContext({ providers: [WorkHandler], options: { backend: new Backend() } });
  const handles: { readonly state: string }[] = [];
  const work = app.get(TaskScopes).run(({ tasks }) => void handles.push(tasks.enqueue(Work, 1)));
  const [settled] = await Promise.allSettled([work]);
  return { settled, states: handles.map(({ state }) => state), stats: host.stats() };
}

const failures: readonly { what: string; fail: (error: unknown) => unknown }[] = [
  { what: 'throws', fail: raise },
  { what: 'rejects with', fail: (error) => new Promise((_, reject) => reject(error)) },
  {
    what: 'returns a thenable that rejects with',
    fail: (error) => ({ then: (_: unknown, no: (e: unknown) => void) => no(error) }),
  },
  { what: 'returns a thenable that throws', fail: (error) => ({ then: () => raise(error) }) },
  { what: 'returns an object whose then throws', fail: (error) => withGetter({}, 'then', error) },
  {
    what: 'returns a promise whose own then throws',
    fail: (error) => Object.assign(Promise.resolve(), { then: () => raise(error) }),
  },
];

describe.each(failures)('B29 a backend that $what', ({ fail }) => {
  it.each(hostileErrors)('$what fails the task, and its unit of work with the same', async ({ make }) => {
    const rejections = new UnhandledRejections();
    const error = make();

    const { settled, states, stats } = await enqueueOn(() => fail(error));

    expect(settled.status === 'rejected' && Object.is(settled.reason, error)).toBe(true);
    expect(states).toEqual(['failed']);
    expect(stats).toMatchObject({ accepted: 1, failed: 1, waiting: 0, running: 0 });
    expect(await rejections.count()).toBe(0);
  });
});

describe('B29 a backend whose accept()', () => {
  it.each<{ what: string; make: () => unknown }>([
    ...hostileObjects.filter(({ what }) => !/every trap|trap get$|revoked|then/.test(what)),
    {
      what: 'a thenable that calls back twice, and throws',
      make: () => ({
        then(fulfil: () => void, reject: (error: unknown) => void) {
          fulfil();
          reject(new Error('too late'));
          throw new Error('far too late');
        },
      }),
    },
    { what: 'a promise with a then that calls back twice', make: () => withThen((fulfil) => [fulfil(), fulfil()]) },
  ])('returns $what has taken the task', async ({ make }) => {
    const { settled, states, stats } = await enqueueOn(make);

    expect(settled.status).toBe('fulfilled');
    expect(states).toEqual(['enqueued']);
    expect(stats).toMatchObject({ accepted: 1, enqueued: 1, waiting: 0, running: 0 });
  });
});

function withThen(then: (fulfil: () => void) => unknown): Promise<void> {
  return Object.assign(Promise.resolve(), { then: then as never });
}
