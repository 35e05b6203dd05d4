import {
  type BackgroundTaskGroup,
  type BackgroundTasks,
  currentTask,
  defineTask,
  type EndedTask,
} from '../../src/index.js';
import type { BullMqOptions } from '../../src/bullmq/index.js';

declare const tasks: BackgroundTasks;
declare const photos: readonly string[];
/** The settings of this entry point are known wherever it is imported. */
export type Settings = BullMqOptions;

const Resize = defineTask<{ photo: string }>({ name: 'resize' });
const Count = defineTask<{ count: number }>({ name: 'count' });
const Publish = defineTask<{ album: number }>({ name: 'publish' });
const last = { then: Publish, payload: { album: 7 } };

export const correct: readonly BackgroundTaskGroup[] = [
  tasks.enqueueGroup(
    photos.map((photo) => ({ definition: Resize, payload: { photo } })),
    { then: Publish, payload: { album: 7 } },
  ),
  tasks.enqueueGroup(
    [
      { definition: Resize, payload: { photo: 'a' }, options: { bullmq: { priority: 1 } } },
      { definition: Count, payload: { count: 1 } },
    ],
    last,
  ),
  tasks.with({ runOn: 'always' }).enqueueGroup([], last),
];

export const ends: readonly EndedTask[] | undefined = currentTask().group;

export function wrong(): unknown {
  const other = { definition: Resize, payload: { count: 1 } };
  // @ts-expect-error the payload of another definition
  tasks.enqueueGroup([other], last);
  const second = { definition: Count, payload: { photo: 'a' } };
  // @ts-expect-error the payload of the first definition
  tasks.enqueueGroup([{ definition: Resize, payload: { photo: 'a' } }, second], last);
  const numbers = photos.map(() => ({ definition: Resize, payload: { photo: 1 } }));
  // @ts-expect-error a number is no photo
  tasks.enqueueGroup(numbers, last);
  // @ts-expect-error the payload of another definition
  tasks.enqueueGroup([], { then: Publish, payload: { photo: 'a' } });
  // @ts-expect-error no last task
  tasks.enqueueGroup([]);
  const keyed = { definition: Count, payload: { count: 1 }, options: { idempotencyKey: 'a' } };
  // @ts-expect-error a group has no key
  return tasks.enqueueGroup([keyed], last);
}
