import type { BackgroundTask, BackgroundTasks } from '../../src/index.js';
import {
  threadTask,
  WorkerThreadsModule,
  type WorkerThreadsModuleAsyncOptions,
  type WorkerThreadsModuleOptions,
  type WorkerThreadsOptionsFactory,
} from '../../src/worker-threads/index.js';

interface Thumbnail {
  resize(image: Buffer, width: number, format?: 'webp' | 'png'): Buffer;
  measure(image: Buffer): Promise<{ readonly width: number }>;
  readonly formats: readonly string[];
}

declare const module: URL;
declare const tasks: BackgroundTasks;
declare const image: Buffer;

const resize = threadTask<Thumbnail, 'resize'>(module, 'resize');
const measure = threadTask<Thumbnail, 'measure'>(module, 'measure');

export const correct = (): BackgroundTask[] => [
  tasks.addTask(resize, image, 200),
  tasks.addTask(resize, image, 200, 'webp'),
  tasks.with({ timeoutMs: 1_000 }).addTask(measure, image),
  tasks.addTask(threadTask(module, 'anything'), 1, 'two'),
];

export async function correctCalls(): Promise<number> {
  const small: Buffer = await resize(image, 200);
  // What is asynchronous there is no more so here than what is not.
  const { width } = await measure(small);
  return width;
}

class Settings implements WorkerThreadsOptionsFactory {
  createWorkerThreadsOptions(): WorkerThreadsModuleOptions {
    return { maxRunning: 2, maxPending: 0 };
  }
}

const fromSettings: WorkerThreadsModuleAsyncOptions = { useClass: Settings, isGlobal: false };

export const correctModules = () => [
  WorkerThreadsModule.forRoot(),
  WorkerThreadsModule.forRoot({ maxPending: 5, isGlobal: false }),
  WorkerThreadsModule.forRootAsync(fromSettings),
  WorkerThreadsModule.forRoot({ maxRunning: 2, resourceLimits: { maxOldGenerationSizeMb: 256 } }),
  WorkerThreadsModule.forRootAsync({ useFactory: () => ({ maxPending: 5 }) }),
];

export async function wrong(): Promise<void> {
  // @ts-expect-error -- a width is a number
  tasks.addTask(resize, image, '200');
  // @ts-expect-error -- it needs a width
  await resize(image);
  // @ts-expect-error -- a promise has no length
  void (resize(image, 200) satisfies Buffer);
  // @ts-expect-error -- misspelt
  threadTask<Thumbnail, 'resise'>(module, 'resise');
  // @ts-expect-error -- no function
  threadTask<Thumbnail, 'formats'>(module, 'formats');
  // @ts-expect-error -- the name of another export
  threadTask<Thumbnail, 'resize'>(module, 'measure');
  // @ts-expect-error -- the URL, not the path
  threadTask('./thumbnail.js', 'resize');
  // @ts-expect-error -- nothing is known of what it returns
  (await threadTask(module, 'resize')(image)) satisfies Buffer;
}

export function wrongOptions(): void {
  // @ts-expect-error -- misspelt
  WorkerThreadsModule.forRoot({ maxrunning: 1 });
  // @ts-expect-error -- true or false
  WorkerThreadsModule.forRoot({ isGlobal: 'yes' });
  // @ts-expect-error -- milliseconds are a number
  WorkerThreadsModule.forRoot({ idleTimeoutMs: '30s' });
  // @ts-expect-error -- misspelt
  WorkerThreadsModule.forRoot({ resourceLimits: { maxHeapMb: 5 } });
  // @ts-expect-error -- a factory's result is checked like options
  WorkerThreadsModule.forRootAsync({ useFactory: () => ({ maxRunning: 'two' }) });
}
