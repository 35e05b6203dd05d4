import { BroadcastChannel, type Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { threadTask, WorkerThreadsModule, type WorkerThreadsModuleOptions } from '../../src/worker-threads/index.js';
import { startContext } from './start-context.js';
import type { BackgroundTasksModuleOptions } from '../../src/index.js';

/** The module that the tests run in threads. */
export const functions = new URL('../worker-threads/fixtures/functions.mjs', import.meta.url);

/** One of its functions. */
export const inThread = (name: string) => threadTask(functions, name);

/** Starts an application with threads of its own; it is closed when the test ends, and they are gone. */
export function startThreads(threads: WorkerThreadsModuleOptions = {}, options: BackgroundTasksModuleOptions = {}) {
  return startContext({ imports: [WorkerThreadsModule.forRoot(threads)], options });
}

/** Watches the threads that come and go. */
export class ThreadWatch {
  readonly #workers = new Map<number, Worker>();

  constructor() {
    const listener = (worker: Worker): void => {
      const { threadId } = worker;
      this.#workers.set(threadId, worker);
      worker.once('exit', () => this.#workers.delete(threadId));
    };
    process.on('worker', listener);
    onTestFinished(() => void process.off('worker', listener));
  }

  /** How many there are now. */
  get alive(): number {
    return this.#workers.size;
  }

  /** Ends a thread from outside. */
  async terminate(threadId: number): Promise<void> {
    await this.#workers.get(threadId)!.terminate();
  }

  /** Resolves once the thread is gone. */
  async gone(threadId: number): Promise<void> {
    const worker = this.#workers.get(threadId);
    if (worker) await once(worker, 'exit');
  }
}

/** Hears which threads have begun one of the functions that never end. */
export function hearThreads(heard: (threadId: number) => void): void {
  const channel = new BroadcastChannel('threads');
  channel.addEventListener('message', (event) => heard((event as unknown as { readonly data: number }).data));
  onTestFinished(() => channel.close());
}

/** Resolves with the thread that is the next to begin one of the functions that never end. */
export function nextThread(): Promise<number> {
  return new Promise((resolve) => hearThreads(resolve));
}
