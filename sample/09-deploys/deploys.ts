import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Processes of one application, of which each takes the place of the one before, as in a rolling deploy. */
export class Deploys {
  #current: { readonly process: ChildProcess; readonly url: string } | undefined;
  readonly #ended: Promise<unknown>[] = [];

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  /** The address that requests go to now. */
  get url(): string {
    return this.#current!.url;
  }

  /** Starts the next one, sends requests to it, and then ends the one before by a signal. */
  async deploy(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const before = this.#current?.process;
    const next = fork(fileURLToPath(new URL('main.js', import.meta.url)), { env: this.env });
    this.#ended.push(once(next, 'close'));
    const [url] = (await once(next, 'message')) as [string];
    this.#current = { process: next, url };
    before?.kill(signal);
  }

  /** Ends the last one, and waits for all of them. */
  async end(): Promise<void> {
    this.#current?.process.kill('SIGTERM');
    await Promise.all(this.#ended);
  }
}
