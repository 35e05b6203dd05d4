import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** A client on a thread of its own, which receives its responses even while this thread blocks. */
export class ClientThread {
  readonly #received = new Int32Array(new SharedArrayBuffer(4));

  /** Makes the requests one after the other on one connection. */
  async run(port: number, path: string, requests: number): Promise<void> {
    const workerData = { port, path, requests, received: this.#received };
    const worker = new Worker(new URL('./client-thread.mjs', import.meta.url), { workerData });
    onTestFinished(() => void worker.terminate());
    const [code] = (await once(worker, 'exit')) as [number];
    if (code !== 0) throw new Error(`The client thread exited with ${code}.`);
  }

  /** Blocks this thread until the client has that many complete responses; false if it never gets them. */
  hasReceived(responses: number): boolean {
    for (let now = this.#now; now < responses; now = this.#now) {
      if (Atomics.wait(this.#received, 0, now, 5_000) === 'timed-out') return false;
    }
    return true;
  }

  get #now(): number {
    return Atomics.load(this.#received, 0);
  }
}
