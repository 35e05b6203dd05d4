import type { NewJob, TaskJob, TaskQueue } from './job-server.js';
import type { BullMqLog } from '../bullmq-log.js';

type Fate = 'absent' | 'withdrawn' | 'started';

/** All at once, and the last of thousands would be answered too late for PostgreSQL's time limit. */
const AT_A_TIME = 200;

/**
 * Tasks whose `enqueue` was answered with an error although the server may have them, or get them
 * yet: what was in flight into a frozen server arrives when it thaws.
 */
export class Withdrawals {
  /** By the ids of their tasks: two of one key are one job, and either may be the one that arrived. */
  readonly #jobs = new Map<string, NewJob>();

  get isEmpty(): boolean {
    return this.#jobs.size === 0;
  }

  add(jobs: readonly NewJob[]): void {
    for (const job of jobs) this.#jobs.set(job.data.id, job);
  }

  /** Another call was told that the server has these: the same key makes them the same job. */
  keep(jobs: readonly NewJob[]): void {
    if (this.isEmpty) return;
    const kept = new Set(jobs.map(({ opts }) => opts.jobId));
    for (const [id, { opts }] of this.#jobs) if (kept.has(opts.jobId)) this.#jobs.delete(id);
  }

  /** Takes back what has arrived. Rejects if the server is gone; what is left then is tried again. */
  async carryOut(queue: TaskQueue, log: BullMqLog): Promise<void> {
    if (this.isEmpty) return;
    const jobs = [...this.#jobs.values()];
    const fates: PromiseSettledResult<Fate>[] = [];
    let unanswered: PromiseRejectedResult | undefined;
    for (let from = 0; from < jobs.length && !unanswered; from += AT_A_TIME) {
      const some = jobs.slice(from, from + AT_A_TIME).map((job) => this.#withdraw(queue, job));
      fates.push(...(await Promise.allSettled(some)));
      unanswered = fates.find((fate) => fate.status === 'rejected');
    }
    const of = (wanted: Fate) => jobs.filter((_job, index) => fateOf(fates[index]) === wanted);
    log.withdrawn(of('withdrawn'), of('started'));
    if (unanswered) throw unanswered.reason;
  }

  async #withdraw(queue: TaskQueue, job: NewJob): Promise<Fate> {
    const fate = await this.#fateOf(queue, job);
    this.#jobs.delete(job.data.id);
    return fate;
  }

  async #fateOf(queue: TaskQueue, job: NewJob): Promise<Fate> {
    const { jobId } = job.opts;
    const found = await queue.getJob(jobId);
    if (!found || !isSameTask(found, job) || !this.#jobs.has(job.data.id)) return 'absent';
    if (hasStarted(found)) return 'started';
    // A worker that has just taken it holds its lock, and then nothing is removed.
    return (await queue.remove(jobId)) === 1 ? 'withdrawn' : 'started';
  }
}

function fateOf(result: PromiseSettledResult<Fate> | undefined): Fate | undefined {
  return result?.status === 'fulfilled' ? result.value : undefined;
}

/** Not another task of the same key, which somebody else enqueued before. */
function isSameTask(found: TaskJob, job: NewJob): boolean {
  return (found.data as { readonly id?: unknown } | null)?.id === job.data.id;
}

function hasStarted(job: TaskJob): boolean {
  return job.attemptsStarted > 0 || job.processedOn !== undefined || job.finishedOn !== undefined;
}
