import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Child, startChild } from '../support/child-app.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';
import { servers, useServer } from '../support/servers.js';
import type { TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

/** Milliseconds between two looks at the journals of the processes. */
const LOOK_MS = 50;

describe.each(servers)('B31 named tasks on $kind', ({ kind, prepare }) => {
  const server = useServer(prepare);
  const jobs = kind === 'Redis' ? scaled(600, 10_000) : scaled(300, 2_000);
  const kills = kind === 'Redis' ? scaled(4, 50) : scaled(2, 10);

  it(
    'are all run to their end while workers are killed',
    async () => {
      const crowd = new Crowd(server());
      const wanted = await crowd.enqueue(jobs);
      crowd.startWorkers(2);
      for (let kill = 1; kill <= kills; kill++) {
        // Spread over the work, whatever speed the machine has.
        await until(
          'the next part of the tasks has ended',
          () => crowd.ended(wanted).length >= (wanted.length * kill) / (kills + 2),
          LOOK_MS,
        );
        crowd.replaceOne('SIGKILL');
      }
      await until('all tasks have ended', () => crowd.ended(wanted).length === wanted.length, LOOK_MS);

      const runs = crowd.lines('S').length;
      report(
        `${kind}: ${kills} SIGKILLs of workers lost 0 of ${wanted.length} named tasks; ${runs - expectedRuns(wanted)} runs were repeated`,
      );
      expect(crowd.lines('X')).toEqual([]);
    },
    scaled(120_000, 1_800_000),
  );

  it(
    'are all run, and none failed by the stop, while workers are told to stop in the middle of tasks that take too long',
    async () => {
      const stops = kind === 'Redis' ? scaled(2, 20) : scaled(1, 5);
      const crowd = new Crowd(server());
      const wanted = await crowd.enqueue(jobs / 2);
      for (let stop = 1; stop <= stops; stop++) {
        // It holds its tasks for longer than its shutdown may take.
        const [holding] = crowd.startWorkers(1, { HOLD_MS: '20000', SHUTDOWN_TIMEOUT_MS: '300' });
        await until('a task is held', () => holding!.journal.of('S').length > 0, LOOK_MS);
        holding!.kill('SIGTERM');
        expect(await holding!.exit).toEqual({ code: null, signal: 'SIGTERM' });
      }
      crowd.startWorkers(2);
      await until('all tasks have ended', () => crowd.ended(wanted).length === wanted.length, LOOK_MS);

      report(
        `${kind}: ${stops} SIGTERMs of workers in the middle of their tasks lost 0 of ${wanted.length}, and failed none`,
      );
      expect(crowd.lines('F')).toHaveLength(wanted.filter(({ mustFail }) => mustFail).length * 3);
    },
    scaled(120_000, 1_800_000),
  );
});

interface Wanted {
  readonly id: string;
  readonly mustFail: boolean;
}

function expectedRuns(wanted: readonly Wanted[]): number {
  return wanted.reduce((sum, { mustFail }) => sum + (mustFail ? 3 : 1), 0);
}

/** One web process, and workers that come and go. */
class Crowd {
  readonly #queue = `faults-${randomUUID()}`;
  readonly #workers: Child[] = [];
  readonly #past: Child[] = [];

  constructor(private readonly server: TestServer) {}

  async enqueue(count: number): Promise<Wanted[]> {
    const web = startChild('durable', { env: { ...this.#env, ROLE: 'web' } });
    this.#past.push(web);
    const port = await web.said('PORT');
    const wanted: Wanted[] = [];
    while (wanted.length < count) {
      const response = await fetch(`http://127.0.0.1:${port}/enqueue`);
      // It may not have found its server yet.
      if (response.status === 200) wanted.push(...((await response.json()) as Wanted[]));
      else if (response.status !== 503) throw new Error(`The web process answered ${response.status}.`);
    }
    return wanted;
  }

  startWorkers(count: number, env: Record<string, string> = {}): Child[] {
    const started = Array.from({ length: count }, () =>
      startChild('durable', { env: { ...this.#env, ...env, ROLE: 'worker' } }),
    );
    (Object.keys(env).length > 0 ? this.#past : this.#workers).push(...started);
    return started;
  }

  replaceOne(signal: NodeJS.Signals): void {
    const [worker] = this.#workers.splice(Math.floor(Math.random() * this.#workers.length), 1);
    worker!.kill(signal);
    this.#past.push(worker!);
    this.startWorkers(1);
  }

  lines(kind: string): string[] {
    return [...this.#past, ...this.#workers].flatMap((child) => child.journal.of(kind));
  }

  /** Those that were done, or failed by their own error as often as they may. */
  ended(wanted: readonly Wanted[]): Wanted[] {
    const done = new Set([...this.lines('D'), ...this.lines('LATE')]);
    const failures = new Map<string, number>();
    for (const id of this.lines('F')) failures.set(id, (failures.get(id) ?? 0) + 1);
    return wanted.filter(({ id, mustFail }) => (mustFail ? (failures.get(id) ?? 0) >= 3 : done.has(id)));
  }

  get #env(): Record<string, string> {
    return { SERVER: this.server.url, QUEUE: this.#queue };
  }
}
