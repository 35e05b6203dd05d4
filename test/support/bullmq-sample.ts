import { Queue } from 'bullmq';
import type { Exit } from './exit.js';
import { SampleProcess, startSample } from './sample-process.js';

/** A program of the BullMQ sample, with the processes that it starts. */
export class BullMqSample extends SampleProcess {
  get url(): string {
    return /curl (http:\S+)\/health/.exec(this.log)![1]!;
  }

  /** The process of what begins its lines with that word. */
  processOf(name: 'web' | 'worker'): number {
    return Number(new RegExp(`^\\[${name}\\] (\\d+) `, 'm').exec(this.log)![1]);
  }

  /** Orders an export, as the curl line does. */
  async order(year: number, idempotencyKey?: string): Promise<Response> {
    return fetch(`${this.url}/exports`, {
      method: 'POST',
      body: JSON.stringify({ year }),
      headers: {
        'content-type': 'application/json',
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
    });
  }

  /** The status of the answer to a GET, with a user and a password if there are any. */
  async statusOf(path: string, credentials?: string): Promise<number> {
    const headers = credentials === undefined ? {} : { authorization: `Basic ${btoa(credentials)}` };
    return (await fetch(`${this.url}${path}`, { headers })).status;
  }

  /** Does what a terminal does at Ctrl+C: the whole group gets a SIGINT. */
  async interrupt(): Promise<Exit> {
    process.kill(-this.child.pid!, 'SIGINT');
    return this.exit;
  }

  /** Its whole group, and the Redis that it may have started, frozen or not. */
  protected override kill(): void {
    process.kill(-this.child.pid!, 'SIGKILL');
    const redis = /redis-server as process (\d+)/.exec(this.log)?.[1];
    if (redis !== undefined && isAlive(Number(redis))) process.kill(Number(redis), 'SIGKILL');
  }
}

/** Starts a built program of the sample, as the leader of a group of its own. */
export function startBullMqProgram(program: 'start' | 'main', settings: Record<string, string>): Promise<BullMqSample> {
  return startSample(BullMqSample, `06-bullmq/${program}`, settings, undefined, { detached: true });
}

/** Starts the sample as its command does, and waits until both processes are there and the queue takes tasks. */
export async function startBullMqSample(settings: Record<string, string> = {}): Promise<BullMqSample> {
  const sample = await startBullMqProgram('start', settings);
  await Promise.all([sample.printed(/Ctrl\+C/), sample.printed(/waits for tasks/)]);
  return sample;
}

/** The jobs of the sample's queue, whatever state they are in. */
export async function sampleJobs(redisUrl: string) {
  const queue = new Queue('sample-exports', { connection: { url: redisUrl } });
  try {
    return await queue.getJobs();
  } finally {
    await queue.close();
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
