import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Comparison, PlatformName } from './comparisons.js';
import { median } from './statistics.js';
import type { VariantName } from './variants.js';

export interface Pace {
  /** Server processes a side: two that run the same code differ for life. */
  readonly processes: number;
  /** Before its first counted run, each server answers so many. Node compiles half of the code in the first 40,000. */
  readonly warmupRequests: number;
  /** A round is one run of each server. The runs are short, so that a drift of the machine hits all. */
  readonly rounds: number;
  readonly requestsPerRun: number;
  /** Each comparison of throughput takes this long, in as many paired runs as that is. */
  readonly seconds: number;
}

export interface Measured extends Pick<Comparison, 'variant' | 'baseline'> {
  readonly platform: PlatformName;
  /**
   * CPU time a request of the baseline over the variant's, without sockets, one value a pair of runs: above 1 the
   * variant takes less.
   */
  readonly ownCostRatios: readonly number[];
  /** CPU microseconds a request without sockets, the median of each process. */
  readonly ownCost: { readonly variant: readonly number[]; readonly baseline: readonly number[] };
  /** Requests a second of the variant over those of the baseline, over sockets, one value a pair of runs. */
  readonly throughputRatios: readonly number[];
}

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

type Pair = readonly [variant: number, baseline: number];

/** Measures comparisons: some processes for the servers of each side, another for the load. The two sides take turns. */
export class Laboratory {
  /** `isLoadAwake`: whether the load has a core to itself, and need not sleep. */
  constructor(
    private readonly pace: Pace,
    private readonly isLoadAwake = true,
  ) {}

  async measure({ variant, baseline }: Omit<Comparison, 'platforms'>, platform: PlatformName): Promise<Measured> {
    const pairs: [Server, Server][] = [];
    for (let count = 0; count < this.pace.processes; count++)
      pairs.push([await this.#start(platform, variant), await this.#start(platform, baseline)]);
    const own = await this.#measureOwnCost(pairs);
    const throughput = await this.#measureThroughput(pairs);
    for (const { child } of pairs.flat()) child.disconnect();
    return {
      variant,
      baseline,
      platform,
      ownCostRatios: own.flat().map(([a, b]) => b / a),
      ownCost: {
        variant: own.map((runs) => median(runs.map(([a]) => a))),
        baseline: own.map((runs) => median(runs.map(([, b]) => b))),
      },
      throughputRatios: throughput.map(([a, b]) => a / b),
    };
  }

  /**
   * Returns the own cost of each variant on Fastify: CPU microseconds a request, the lowest of its runs, which take turns.
   * A compiler at work and a busy machine only add to it.
   */
  async measureTogether(variants: readonly VariantName[]): Promise<number[]> {
    const servers: Server[] = [];
    for (const variant of variants) servers.push(await this.#start('Fastify', variant));
    const runs = variants.map((): number[] => []);
    for (let round = 0; round < this.pace.rounds * this.pace.processes; round++)
      for (const [index, server] of servers.entries())
        runs[index]!.push(await this.#ownCost(server, this.pace.requestsPerRun));
    for (const { child } of servers) child.disconnect();
    return runs.map((values) => Math.min(...values));
  }

  /** Returns the runs of each pair of processes. */
  async #measureOwnCost(pairs: readonly [Server, Server][]): Promise<Pair[][]> {
    const runs = pairs.map((): Pair[] => []);
    for (let round = 0; round < this.pace.rounds; round++)
      for (const [index, pair] of pairs.entries())
        runs[index]!.push(await inTurns(pair, round, (server) => this.#ownCost(server, this.pace.requestsPerRun)));
    return runs;
  }

  async #measureThroughput(pairs: readonly [Server, Server][]): Promise<Pair[]> {
    // Only now: a load that never sleeps takes half of a core's time from what runs beside it.
    const load = start('load.js', this.isLoadAwake ? ['awake'] : []);
    const runs: Pair[] = [];
    const end = performance.now() + this.pace.seconds * 1_000;
    for (let round = 0; performance.now() < end; round++)
      for (const pair of pairs) runs.push(await inTurns(pair, round, (server) => this.#perSecond(server, load)));
    load.disconnect();
    return runs;
  }

  async #start(platform: PlatformName, name: VariantName): Promise<Server> {
    const child = start('server.js', [platform, name]);
    const server = { child, port: await answerOf<number>(child) };
    await this.#ownCost(server, this.pace.warmupRequests);
    return server;
  }

  async #ownCost({ child }: Server, requests: number): Promise<number> {
    child.send(requests);
    return answerOf<number>(child);
  }

  async #perSecond({ port }: Server, load: ChildProcess): Promise<number> {
    const { requestsPerRun } = this.pace;
    load.send({ port, requests: requestsPerRun });
    return requestsPerRun / (await answerOf<number>(load));
  }
}

/** Every other round begins with the other side. */
async function inTurns(
  [variant, baseline]: readonly [Server, Server],
  round: number,
  run: (server: Server) => Promise<number>,
): Promise<Pair> {
  if (round % 2 === 0) return [await run(variant), await run(baseline)];
  const ofBaseline = await run(baseline);
  return [await run(variant), ofBaseline];
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
