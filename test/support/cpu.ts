import { readFileSync } from 'node:fs';
import { until } from './until.js';

/** The share of one processor that a process takes from now on, in so many milliseconds. */
export async function cpuShareOf(pid: number, forMs: number): Promise<number> {
  const from = performance.now();
  const before = cpuMsOf(pid);
  await until('the time of the measurement is over', () => performance.now() - from >= forMs, 50);
  return (cpuMsOf(pid) - before) / (performance.now() - from);
}

function cpuMsOf(pid: number): number {
  // The name of the program, in parentheses, may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return (user + system) * MS_PER_TICK;
}

/** Linux counts the time of a process in hundredths of a second. */
const MS_PER_TICK = 10;
