import { describe, expect, it } from 'vitest';
import type { NamedTaskReport } from '../../src/index.js';
import { WatchedTasks } from '../../src/named/watched-tasks.js';
import { deferred } from '../support/deferred.js';
import { until } from '../support/until.js';

/** A source whose reads take until they are let go. */
function start() {
  const asked: string[] = [];
  const held = deferred();
  let reading = 0;
  let most = 0;
  const watched = new WatchedTasks({
    find: async (id) => {
      asked.push(id);
      most = Math.max(most, ++reading);
      await held.promise;
      reading--;
      return { id, name: 'work', state: 'succeeded', attempts: 1, progress: 0, enqueuedAt: 0 };
    },
    watch: () => () => undefined,
  });
  const shown: NamedTaskReport[] = [];
  const watch = (id: string) => watched.watch(id).subscribe((report) => shown.push(report));
  return { asked, held, shown, watch, mostAtATime: () => most };
}

describe('B41 · reports that are watched', () => {
  it('are read five at a time, so that what else asks the server is served meanwhile', async () => {
    const { held, shown, watch, mostAtATime } = start();

    for (let index = 0; index < 100; index++) watch(`${index}`);
    held.resolve();
    await until('all have been shown', () => shown.length === 100);

    expect(mostAtATime()).toBe(5);
  });

  it('are not read for those who left before their turn', async () => {
    const { asked, held, shown, watch } = start();

    for (let index = 0; index < 5; index++) watch(`${index}`);
    watch('who left').unsubscribe();
    watch('who stayed');
    held.resolve();
    await until('all have been shown', () => shown.length === 6);

    expect(asked).toEqual(['0', '1', '2', '3', '4', 'who stayed']);
  });
});
