import type { Job, JobsOptions, Processor, Queue, Worker, WorkerOptions } from 'bullmq';
import type { TaskEnvelope } from '../../contracts/task-envelope.js';

export type TaskQueue = Queue<unknown, unknown>;
export type TaskJob = Job<unknown, unknown>;
export type TaskJobWorker = Worker<unknown, unknown>;
export type TaskProcessor = Processor<unknown, unknown>;

/** A task as it is handed to BullMQ. */
export interface NewJob {
  readonly name: string;
  readonly data: TaskEnvelope;
  readonly opts: JobsOptions & { readonly jobId: string };
}

/** Is told whether there is a connection; not whether anybody answers on it. */
export interface ServerListener {
  connected(): void;
  disconnected(reason: string): void;
}

/** What Redis and PostgreSQL do each in its own way. */
export abstract class JobServer {
  /** What log lines and errors call it. */
  abstract readonly kind: 'Redis' | 'PostgreSQL';

  /** BullMQ's queue, whose commands fail at once without a connection. */
  abstract readonly queue: TaskQueue;

  /** Begins to connect, and never ceases to until {@link disconnect}. */
  abstract connect(listener: ServerListener): void;

  /** Adds all of them in one round trip. When it rejects, nobody knows what has arrived, or will. */
  abstract add(jobs: readonly NewJob[]): Promise<void>;

  /** Resolves once the server has answered, and nothing that was sent before can arrive any more. */
  abstract settle(): Promise<void>;

  /** Rejects with why nothing can be written, by a server that answers all the same. */
  abstract assertWritable(): Promise<void>;

  /** A worker on connections of its own, which wait for the server as long as it takes. */
  abstract createWorker(process: TaskProcessor, options: Omit<WorkerOptions, 'connection' | 'prefix'>): TaskJobWorker;

  /** Why the server may lose what it has accepted. Rejects with why it accepts nothing. */
  abstract findWeaknesses(): Promise<readonly string[]>;

  /** Closes all connections, whatever is under way. Never rejects, and takes half a second at most. */
  abstract disconnect(): Promise<void>;
}
