import { createPostgresBackend, type PgPool, type PostgresQueueBackend, Queue } from 'bullmq';
import { Socket } from 'node:net';
import pg from 'pg';
import { endsWithin } from './time-limit.js';
import { gatedPool } from './gated-pool.js';
import {
  JobServer,
  type NewJob,
  type ServerListener,
  type TaskJobWorker,
  type TaskProcessor,
  type TaskQueue,
} from './job-server.js';
import { PostgresWatch } from './postgres-watch.js';
import { LenientWorker } from '../worker/lenient-worker.js';

/** Where the database is, and how long it may take to answer. */
interface PostgresServerOptions {
  readonly url: string;
  readonly migrate: boolean;
  readonly queueName: string;
  readonly answerTimeoutMs: number;
}

/** A statement that was in flight has that long to end once the database answers again. */
const LATE_MS = 1_000;

/** The time to take leave of a database; one that does not answer is left without. */
const LEAVE_MS = 500;

/** Connections to enqueue on. A worker has as many again, and one to listen on. */
const MAX_CONNECTIONS = 10;

export class PostgresServer extends JobServer {
  readonly kind = 'PostgreSQL';
  readonly #watch: PostgresWatch;
  readonly #sockets = new Set<Socket>();
  readonly #pools: pg.Pool[] = [];
  readonly #adding = new Set<Promise<unknown>>();
  #queue: TaskQueue | undefined;

  constructor(private readonly options: PostgresServerOptions) {
    super();
    this.#watch = new PostgresWatch({ ...this.#config(), query_timeout: options.answerTimeoutMs }, options.migrate);
  }

  get queue(): TaskQueue {
    return (this.#queue ??= this.#openQueue());
  }

  connect(listener: ServerListener): void {
    void this.#watch.start(listener);
  }

  /** One statement, and so all of them or none. */
  async add(jobs: readonly NewJob[]): Promise<void> {
    const adding = this.queue.addBulk([...jobs]);
    this.#adding.add(adding);
    try {
      await adding;
    } finally {
      this.#adding.delete(adding);
    }
  }

  /** Connections are served side by side, so an answer on one says nothing of the statements on others: they are waited for. */
  async settle(): Promise<void> {
    await this.#watch.ping();
    await endsWithin(Promise.allSettled(this.#adding), LATE_MS);
  }

  assertWritable(): Promise<void> {
    return this.#watch.assertWritable();
  }

  createWorker(process: TaskProcessor, options: Parameters<JobServer['createWorker']>[1]): TaskJobWorker {
    const pool = this.#openPool({}, true);
    const worker = new LenientWorker<PostgresQueueBackend, PgPool>(
      this.options.queueName,
      process,
      { ...options, connection: pool },
      createPostgresBackend,
    );
    return worker as unknown as TaskJobWorker;
  }

  async findWeaknesses(): Promise<readonly string[]> {
    await this.assertWritable();
    return [];
  }

  async disconnect(): Promise<void> {
    const leaving = Promise.all([this.#watch.stop(), ...this.#pools.map((pool) => pool.end())]);
    await endsWithin(leaving, LEAVE_MS).catch(() => undefined);
    for (const socket of this.#sockets) socket.destroy();
  }

  #openQueue(): TaskQueue {
    // A statement that was frozen with the database is cancelled when it thaws, where that is possible.
    const connection = this.#openPool({ statement_timeout: this.options.answerTimeoutMs }, false);
    const queue = new Queue(this.options.queueName, { connection }, createPostgresBackend);
    // The watch sees the same.
    queue.on('error', () => undefined);
    return queue as unknown as TaskQueue;
  }

  #openPool(config: pg.PoolConfig, isPatient: boolean): PgPool {
    const pool = new pg.Pool({ ...this.#config(), ...config, max: MAX_CONNECTIONS });
    pool.on('error', () => undefined);
    this.#pools.push(pool);
    return gatedPool(pool, this.#watch.whenReady, isPatient);
  }

  #config(): pg.ClientConfig {
    return {
      ...inSchema(this.options.url),
      connectionTimeoutMillis: this.options.answerTimeoutMs,
      keepAlive: true,
      stream: () => this.#newSocket(),
    };
  }

  #newSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

/** Options of the connection string would replace those beside it. */
function inSchema(connectionString: string): pg.ClientConfig {
  const options = '-c search_path=bullmq';
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  const given = url?.searchParams.get('options');
  if (!url || !given) return { connectionString, options };
  url.searchParams.set('options', `${given} ${options}`);
  return { connectionString: url.href };
}
