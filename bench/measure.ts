import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Comparison, PlatformName } from './comparisons.js';
import type { VariantName } from './variants.js';

export interface Pace {
  /** Paired runs of each comparison; the first pair is a warm-up and not counted. */
  readonly rounds: number;
  readonly secondsPerRun: number;
}

export interface Measured extends Pick<Comparison, 'variant' | 'baseline'> {
  readonly platform: PlatformName;
  /** Throughput of the variant over that of the baseline, one value a round. */
  readonly throughputRatios: readonly number[];
  /** CPU microseconds of the server process per request, one value a round. */
  readonly cpuPerRequest: { readonly variant: readonly number[]; readonly baseline: readonly number[] };
}

interface Run {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

/** Measures a comparison: two server processes and a load generator, in turns, so that a drift of the machine hits both. */
export async function measure({ variant, baseline }: Comparison, platform: PlatformName, pace: Pace): Promise<Measured> {
  const load = start('load.js', []);
  const servers = await Promise.all([variant, baseline].map((name) => startServer(platform, name)));
  const runs: [Run, Run][] = [];
  for (let round = 0; round <= pace.rounds; round++) {
    // Every other round begins with the other side.
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    const pair: Run[] = [];
    for (const side of order) pair[side] = await run(load, servers[side]!, pace.secondsPerRun);
    runs.push(pair as [Run, Run]);
  }
  for (const child of [load, ...servers.map((server) => server.child)]) child.disconnect();
  const counted = runs.slice(1);
  return {
    variant,
    baseline,
    platform,
    throughputRatios: counted.map(([a, b]) => a.perSecond / b.perSecond),
    cpuPerRequest: { variant: counted.map(([a]) => a.cpuMicroseconds), baseline: counted.map(([, b]) => b.cpuMicroseconds) },
  };
}

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
}

async function startServer(platform: PlatformName, name: VariantName): Promise<Server> {
  const child = start('server.js', [platform, name]);
  const port = await answerOf<number>(child);
  return { child, url: `http://127.0.0.1:${port}/` };
}

async function run(load: ChildProcess, { child, url }: Server, seconds: number): Promise<Run> {
  const before = await cpuUsage(child);
  load.send({ url, seconds });
  const { requests, seconds: took } = await answerOf<{ requests: number; seconds: number }>(load);
  const after = await cpuUsage(child);
  return { perSecond: requests / took, cpuMicroseconds: (after.user + after.system - before.user - before.system) / requests };
}

async function cpuUsage(child: ChildProcess): Promise<NodeJS.CpuUsage> {
  child.send('cpu');
  return answerOf<NodeJS.CpuUsage>(child);
}

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(new URL(file, import.meta.url), args, { env: { ...process.env, NODE_ENV: 'production' } });
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const [answer] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`A benchmark process ended: ${child.spawnargs.join(' ')}`);
    }),
  ])) as [T];
  return answer;
}
