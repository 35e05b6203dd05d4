import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Comparison, PlatformName } from './comparisons.js';
import type { VariantName } from './variants.js';

export interface Pace {
  /** Each comparison takes this long, in as many paired runs as that is. */
  readonly seconds: number;
  readonly requestsPerRun: number;
  /** Before its first counted run, each server answers so many. */
  readonly warmupRequests: number;
}

export interface Measured extends Pick<Comparison, 'variant' | 'baseline'> {
  readonly platform: PlatformName;
  /** Requests a second of the variant over those of the baseline, one value a round. */
  readonly throughputRatios: readonly number[];
  /** CPU time a request of the baseline's server process over the variant's: above 1 the variant takes less. */
  readonly cpuRatios: readonly number[];
  /** CPU microseconds of the server process per request, one value a round. */
  readonly cpuPerRequest: { readonly variant: readonly number[]; readonly baseline: readonly number[] };
}

interface Run {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

/**
 * Measures comparisons: a process for each server, another for the load. The runs are short and the
 * two sides take turns, so that a drift of the machine hits both; but not shorter than a few
 * collections of garbage on Express, or half of the runs would have one more than the others.
 */
export class Laboratory {
  readonly #load: ChildProcess;
  readonly #servers = new Map<string, Promise<Server>>();

  /** `isAwake`: whether the load has a core to itself, and need not sleep. */
  constructor(
    private readonly pace: Pace,
    isAwake = true,
  ) {
    this.#load = start('load.js', isAwake ? ['awake'] : []);
  }

  async measure({ variant, baseline }: Omit<Comparison, 'platforms'>, platform: PlatformName): Promise<Measured> {
    const servers = [await this.#warmServer(platform, variant), await this.#warmServer(platform, baseline)];
    const runs: [Run, Run][] = [];
    const end = performance.now() + this.pace.seconds * 1_000;
    while (performance.now() < end) {
      // Every other round begins with the other side.
      const order = runs.length % 2 === 0 ? [0, 1] : [1, 0];
      const pair: Run[] = [];
      for (const side of order) pair[side] = await this.#run(servers[side]!, this.pace.requestsPerRun);
      runs.push(pair as [Run, Run]);
    }
    return {
      variant,
      baseline,
      platform,
      throughputRatios: runs.map(([a, b]) => a.perSecond / b.perSecond),
      cpuRatios: runs.map(([a, b]) => b.cpuMicroseconds / a.cpuMicroseconds),
      cpuPerRequest: {
        variant: runs.map(([a]) => a.cpuMicroseconds),
        baseline: runs.map(([, b]) => b.cpuMicroseconds),
      },
    };
  }

  async close(): Promise<void> {
    const servers = await Promise.all(this.#servers.values());
    for (const child of [this.#load, ...servers.map((server) => server.child)]) child.disconnect();
  }

  /** A server serves all comparisons that it takes part in, and is idle in between. */
  #warmServer(platform: PlatformName, name: VariantName): Promise<Server> {
    const key = `${platform} ${name}`;
    const known = this.#servers.get(key);
    if (known) return known;
    const started = this.#startServer(platform, name);
    this.#servers.set(key, started);
    return started;
  }

  async #startServer(platform: PlatformName, name: VariantName): Promise<Server> {
    const child = start('server.js', [platform, name]);
    const port = await answerOf<number>(child);
    const server = { child, port };
    await this.#run(server, this.pace.warmupRequests);
    return server;
  }

  async #run({ child, port }: Server, requests: number): Promise<Run> {
    const before = await cpuUsage(child);
    this.#load.send({ port, requests });
    const seconds = await answerOf<number>(this.#load);
    const after = await cpuUsage(child);
    return {
      perSecond: requests / seconds,
      cpuMicroseconds: (after.user + after.system - before.user - before.system) / requests,
    };
  }
}

async function cpuUsage(child: ChildProcess): Promise<NodeJS.CpuUsage> {
  child.send('cpu');
  return answerOf<NodeJS.CpuUsage>(child);
}

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(new URL(file, import.meta.url), args, { env: { ...process.env, NODE_ENV: 'production' } });
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const over = new AbortController();
  try {
    const [answer] = (await Promise.race([
      once(child, 'message', over),
      once(child, 'exit', over).then(() => {
        throw new Error(`A benchmark process ended: ${child.spawnargs.join(' ')}`);
      }),
    ])) as [T];
    return answer;
  } finally {
    over.abort();
  }
}
