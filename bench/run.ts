import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { comparisons } from './comparisons.js';
import { Laboratory, type Measured } from './measure.js';
import { median, spread } from './statistics.js';

// npm run bench [-- --quick] [-- --only <text>] [-- --json <file>]
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: 'bench-results.json' },
  },
});
const pace = values.quick
  ? { rounds: 3, secondsPerRun: 0.2, warmupSeconds: 0.3 }
  : { rounds: 15, secondsPerRun: 0.4, warmupSeconds: 1.5 };

console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}`);
console.log(
  'Ratios are medians of paired runs (lower–upper quartile); above 1 the variant is faster. CPU is that of the server process.\n',
);
console.log('| platform | variant | against | throughput | CPU | µs | µs of the other |');
console.log('|---|---|---|---|---|---|---|');
const laboratory = new Laboratory(pace);
const measured: Measured[] = [];
for (const comparison of comparisons) {
  if (!`${comparison.variant} ${comparison.baseline}`.includes(values.only)) continue;
  for (const platform of comparison.platforms) {
    const result = await laboratory.measure(comparison, platform);
    measured.push(result);
    const { cpuPerRequest } = result;
    const cpu = [median(cpuPerRequest.variant), median(cpuPerRequest.baseline)].map((value) => value.toFixed(1));
    console.log(
      `| ${platform} | ${result.variant} | ${result.baseline} | ${spread(result.throughputRatios)} | ${spread(result.cpuRatios)} | ${cpu.join(' | ')} |`,
    );
  }
}

await laboratory.close();

interface InProcess {
  readonly nanosecondsPerTask: Record<string, number>;
  readonly byScopeSize: Record<string, number>;
  readonly inFlight: Record<string, { bytes: number; microseconds: number }>;
}
const inProcess = JSON.parse(
  execFileSync(process.execPath, ['--expose-gc', new URL('in-process.js', import.meta.url).pathname], {
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production' },
  }),
) as InProcess;
console.log('\n| one no-op task | ns | p-queue takes |');
console.log('|---|---|---|');
for (const [name, ns] of Object.entries(inProcess.nanosecondsPerTask)) {
  console.log(`| ${name} | ${ns.toFixed(0)} | ${(inProcess.nanosecondsPerTask['p-queue']! / ns).toFixed(1)} × as long |`);
}
console.log('\n| tasks in one scope | µs a task |\n|---|---|');
for (const [size, us] of Object.entries(inProcess.byScopeSize)) console.log(`| ${size} | ${us.toFixed(2)} |`);
console.log('\n| tasks waiting | bytes each | µs to settle each |\n|---|---|---|');
for (const [count, { bytes, microseconds }] of Object.entries(inProcess.inFlight)) {
  console.log(`| ${count} | ${bytes.toFixed(0)} | ${microseconds.toFixed(2)} |`);
}
writeFileSync(
  values.json,
  JSON.stringify({ node: process.versions.node, date: new Date().toISOString(), pace, measured, inProcess }, undefined, 2),
);
