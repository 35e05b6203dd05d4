import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { comparisons, type FigureName, figures } from './comparisons.js';
import { Laboratory, type Measured } from './measure.js';
import { type MicroName, microNames } from './micro-names.js';
import type { Scale } from './scale.js';
import { median, spread } from './statistics.js';
import type { VariantName } from './variants.js';

/** Microseconds of own cost by the name of the figure, its line and x. */
export type Figures = Record<FigureName, Record<string, Record<string, number>>>;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    seconds: { type: 'string' },
    json: { type: 'string', default: 'bench-results.json' },
  },
});
const usual = values.quick
  ? {
      processes: 1,
      warmupRequests: 1_000,
      rounds: 2,
      requestsPerRun: 200,
      seconds: 0.5,
      microRounds: 1,
      microMilliseconds: 100,
    }
  : {
      processes: 4,
      warmupRequests: 40_000,
      rounds: 6,
      requestsPerRun: 3_000,
      seconds: 8,
      microRounds: 5,
      microMilliseconds: 200,
    };
const pace = { ...usual, ...(values.seconds && { seconds: Number(values.seconds) }) };

console.log(
  `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}`,
);
console.log(
  'Ratios are medians of paired runs (lower–upper quartile); above 1 the variant is faster. Own cost is CPU time without sockets.\n',
);
console.log('| platform | variant | against | own cost | µs | µs of the other | throughput |');
console.log('|---|---|---|---|---|---|---|');
const laboratory = new Laboratory(pace);
const measured: Measured[] = [];
for (const comparison of comparisons) {
  const isControl = comparison.variant === comparison.baseline;
  if (!isControl && !`${comparison.variant} ${comparison.baseline}`.includes(values.only)) continue;
  // A quick look is at one platform: half of the time goes into starting servers.
  for (const platform of values.quick ? comparison.platforms.slice(0, 1) : comparison.platforms) {
    const result = await laboratory.measure(comparison, platform);
    measured.push(result);
    const { ownCost } = result;
    const cpu = [median(ownCost.variant), median(ownCost.baseline)].map((value) => value.toFixed(1));
    console.log(
      `| ${platform} | ${result.variant} | ${result.baseline} | ${spread(result.ownCostRatios)} | ${cpu.join(' | ')} | ${spread(result.throughputRatios)} |`,
    );
  }
}

const measuredFigures = await measureFigures();
// Whoever asks for some of it has no question about the rest.
const rest = values.only ? {} : { nanoseconds: measureOneTask(), scale: measureScale() };
writeFileSync(
  values.json,
  JSON.stringify(
    { node: process.versions.node, date: new Date().toISOString(), pace, measured, figures: measuredFigures, ...rest },
    undefined,
    2,
  ),
);

async function measureFigures(): Promise<Partial<Figures>> {
  const all: Partial<Figures> = {};
  for (const figure of Object.keys(figures) as FigureName[]) {
    if (!figure.includes(values.only)) continue;
    const lines: Record<string, Record<string, VariantName>> = figures[figure];
    const points = Object.entries(lines).flatMap(([line, variants]) =>
      Object.entries(variants).map(([x, variant]) => ({ line, x, variant })),
    );
    const costs = await laboratory.measureTogether(points.map(({ variant }) => variant));
    const measuredLines: Record<string, Record<string, number>> = (all[figure] = {});
    console.log(`\n| ${figure} | | µs of own cost |\n|---|---|---|`);
    for (const [index, { line, x }] of points.entries()) {
      (measuredLines[line] ??= {})[x] = costs[index]!;
      console.log(`| ${x} | ${line} | ${costs[index]!.toFixed(1)} |`);
    }
  }
  return all;
}

function measureOneTask(): Record<MicroName, number[]> {
  const nanoseconds = Object.fromEntries(microNames.map((name) => [name, [] as number[]])) as Record<
    MicroName,
    number[]
  >;
  for (let round = 0; round < pace.microRounds; round++) {
    for (const name of microNames)
      nanoseconds[name].push(Number(runNode('micro.js', name, String(pace.microMilliseconds))));
  }
  console.log('\n| one no-op task | ns | p-queue takes |\n|---|---|---|');
  for (const name of microNames) {
    const times = nanoseconds[name].map((each, round) => nanoseconds['p-queue'][round]! / each);
    console.log(`| ${name} | ${median(nanoseconds[name]).toFixed(0)} | ${spread(times, 1)} × as long |`);
  }
  return nanoseconds;
}

function measureScale(): Scale {
  const scale = JSON.parse(runNode('scale.js')) as Scale;
  console.log('\n| tasks in one scope | µs a task |\n|---|---|');
  for (const [size, us] of Object.entries(scale.byScopeSize)) console.log(`| ${size} | ${us.toFixed(2)} |`);
  console.log('\n| tasks in flight | µs to settle each |\n|---|---|');
  for (const [count, us] of Object.entries(scale.inFlight)) console.log(`| ${count} | ${us.toFixed(2)} |`);
  console.log(`\nA waiting task holds ${scale.waitingBytes.toFixed(0)} bytes.`);
  return scale;
}

function runNode(file: string, ...args: string[]): string {
  return execFileSync(process.execPath, ['--expose-gc', new URL(file, import.meta.url).pathname, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production' },
  });
}
