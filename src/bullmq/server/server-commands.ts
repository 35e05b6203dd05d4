import type { FlowProducer, QueueEvents } from 'bullmq';
import type { BullMqWorker } from '../worker/bullmq-worker.js';
import type { HeldKey } from './new-job.js';
import type { JobProcessor, JobWorkerOptions, TaskQueue } from './queue-server.js';

/** Everything that Redis and PostgreSQL do each in its own way. */
export abstract class ServerCommands {
  /** Creates a worker with connections of its own, which wait for the server as long as it takes. */
  abstract createWorker(queueName: string, process: JobProcessor, options: JobWorkerOptions): BullMqWorker;

  /**
   * Makes the job of a queue active that was added first, of those that were put aside until one of the moments. Resolves
   * with its id, if there was one. In the queue another worker that does not know it might take it.
   */
  abstract claim(
    queueName: string,
    moments: readonly number[],
    token: string,
    lockDurationMs: number,
  ): Promise<string | undefined>;

  /** Makes a job active that waits or is delayed. Resolves with whether it was. */
  abstract take(queueName: string, jobId: string, token: string, lockDurationMs: number): Promise<boolean>;

  /** Resolves with those of the jobs that are marked as cancelled. */
  abstract cancelled(queueName: string, jobIds: readonly string[]): Promise<readonly string[]>;

  /** Opens a connection of its own that tells of what happens in a queue. It is not told of what was before. */
  protected abstract createEvents(queueName: string): QueueEvents;

  /** Removes those of the jobs of a queue that have ended and no longer hold their key. */
  abstract freeKeys(queueName: string, keys: readonly HeldKey[]): Promise<void>;

  /** The most jobs that go in one round trip. Other commands go between two of them. */
  protected abstract readonly jobsPerRoundTrip: number;

  /** Creates a queue of BullMQ; its commands fail at once without a connection. */
  protected abstract createQueue(name: string): TaskQueue;

  /** Creates what adds jobs that wait for others. */
  protected abstract createFlows(): FlowProducer;

  /** Begins to connect, and tries again for as long as it takes. Reports to {@link check} and {@link disconnected}. */
  protected abstract connect(): void;

  /**
   * Does what adding a task does, and leaves nothing behind. Resolves with what the server refuses besides: rights that
   * only some tasks need, or a worker. Rejects with the reason why it takes no tasks. Each step has a time limit.
   */
  protected abstract tryToAdd(): Promise<readonly string[]>;

  /** Finds reasons why the server may lose accepted tasks. */
  protected abstract findWeaknesses(): Promise<readonly string[]>;

  /** Closes all connections, whatever they are doing. Never rejects, and takes half a second at most. */
  protected abstract disconnect(): Promise<void>;
}
