import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { median, spread } from './statistics.js';
import { transportNames } from './transport-names.js';

// npm run bench -- transports: handlers that use nothing of this package, in an application with its modules and in one
// without. Four processes a side take turns.

const PROCESSES = 4;
const WARMUP = 20_000;
const ROUNDS = 6;
const CALLS = 3_000;

console.log(`Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`);
console.log('| a bare handler of | against | own cost | CPU µs | CPU µs of the other |\n|---|---|---|---|---|');
for (const name of transportNames) {
  for (const [variant, baseline] of [
    // The control.
    ['without', 'without'],
    ['with', 'without'],
  ] as const) {
    const ratios: number[] = [];
    const microseconds: { variant: number[]; baseline: number[] } = { variant: [], baseline: [] };
    const sides: [ChildProcess, ChildProcess][] = [];
    for (let count = 0; count < PROCESSES; count++)
      sides.push([await start(name, variant), await start(name, baseline)]);
    for (const child of sides.flat()) await ownCost(child, WARMUP);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [first, second] of sides) {
        const order = round % 2 === 0 ? [first, second] : [second, first];
        const costs = new Map<ChildProcess, number>();
        for (const child of order) costs.set(child, await ownCost(child, CALLS));
        microseconds.variant.push(costs.get(first)!);
        microseconds.baseline.push(costs.get(second)!);
        ratios.push(costs.get(second)! / costs.get(first)!);
      }
    }
    for (const child of sides.flat()) child.disconnect();
    const against = variant === baseline ? 'itself (control)' : 'without the modules';
    const [ours, other] = [median(microseconds.variant), median(microseconds.baseline)];
    console.log(`| ${name} | ${against} | ${spread(ratios)} | ${ours.toFixed(1)} | ${other.toFixed(1)} |`);
  }
}

async function start(name: string, side: string): Promise<ChildProcess> {
  const child = fork(new URL('./transport-server.js', import.meta.url), [name, side]);
  await once(child, 'message');
  return child;
}

async function ownCost(child: ChildProcess, calls: number): Promise<number> {
  child.send(calls);
  const [microseconds] = (await once(child, 'message')) as [number];
  return microseconds;
}
