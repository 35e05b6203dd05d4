import {
  assertSchemaCompatibility,
  createPostgresBackend,
  type PgPool,
  type PostgresQueueBackend,
  Queue,
  runMigrations,
} from 'bullmq';
import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { endsWithin } from '../../execution/time-limit.js';
import type { PostgresAddress, ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { readAddress } from '../options/server-address.js';
import { BullMqWorker } from '../worker/bullmq-worker.js';
import { failureReason } from './failure-reason.js';
import { poolForBullMq } from './pool-for-bullmq.js';
import {
  QueueServer,
  type JobProcessor,
  type TaskQueue,
  type JobWorker,
  type JobWorkerOptions,
} from './queue-server.js';

/** Milliseconds between two attempts to connect; each has a time limit of its own as well. */
const CONNECT_AGAIN_MS = 250;

/** Milliseconds to say goodbye to a database; the connections to one that does not answer are cut. */
const DISCONNECT_MS = 500;

/** Connections to enqueue on. A worker has as many again, and one to listen on. */
const MAX_CONNECTIONS = 10;

export class PostgresServer extends QueueServer {
  /** Watches the database: its end says at once that the database is gone, its return that it is back. */
  #client: pg.Client;
  #isConnected = false;
  #isClosed = false;
  readonly #sockets = new Set<Socket>();
  readonly #pools: pg.Pool[] = [];
  #queue: TaskQueue | undefined;

  constructor(
    options: ResolvedBullMqOptions,
    private readonly address: PostgresAddress,
  ) {
    super(options);
    this.#client = readAddress('postgres', () => this.#newClient());
  }

  get queue(): TaskQueue {
    return (this.#queue ??= this.#openQueue());
  }

  createWorker(process: JobProcessor, options: JobWorkerOptions): JobWorker {
    const worker = new BullMqWorker<PostgresQueueBackend, PgPool>(
      this.options.queueName,
      process,
      { ...options, connection: this.#openPool({}, true) },
      createPostgresBackend,
    );
    return worker as unknown as JobWorker;
  }

  async findWeaknesses(): Promise<readonly string[]> {
    await this.assertWritable();
    return [];
  }

  protected connect(): void {
    void this.#stayConnected();
  }

  /** Rejects on a standby, and where the database is set to be read only. */
  protected async assertWritable(): Promise<void> {
    const { rows } = await this.#client.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
    if (rows[0]?.transaction_read_only === 'on') throw new Error('it is read-only, and refuses tasks');
  }

  protected async disconnect(): Promise<void> {
    this.#isClosed = true;
    const ended = Promise.allSettled([this.#client.end(), ...this.#pools.map((pool) => pool.end())]);
    await endsWithin(ended, DISCONNECT_MS);
    for (const socket of this.#sockets) socket.destroy();
  }

  async #stayConnected(): Promise<void> {
    while (!this.#isClosed) {
      const client = this.#client;
      let reason = 'the connection was closed';
      const ended = new Promise<void>((resolve) => {
        client.on('end', resolve);
        client.on('error', (error) => {
          reason = failureReason(error);
          resolve();
        });
      });
      try {
        await client.connect();
        await (this.address.migrate ? runMigrations(client) : assertSchemaCompatibility(client));
        this.#isConnected = true;
        this.connected();
        await ended;
      } catch (error) {
        reason = failureReason(error);
      }
      this.#isConnected = false;
      this.disconnected(reason);
      if (this.#isClosed) return;
      void client.end().catch(() => undefined);
      await wait(CONNECT_AGAIN_MS);
      this.#client = this.#newClient();
    }
  }

  #openQueue(): TaskQueue {
    // A statement that was frozen with the database is cancelled when it thaws, where that is possible.
    const connection = this.#openPool({ statement_timeout: this.options.answerTimeoutMs }, false);
    const queue = new Queue(this.options.queueName, { connection }, createPostgresBackend);
    // The watching client sees the same.
    queue.on('error', () => undefined);
    return queue as unknown as TaskQueue;
  }

  #openPool(config: pg.PoolConfig, queriesWait: boolean): PgPool {
    const pool = new pg.Pool({ ...this.#config(), ...config, max: MAX_CONNECTIONS });
    pool.on('error', () => undefined);
    this.#pools.push(pool);
    return poolForBullMq(pool, () => this.#isUsable(), queriesWait);
  }

  #isUsable(): boolean {
    // BullMQ knows this message, and ends its loops.
    if (this.#isClosed) throw new Error('Connection is closed.');
    return this.#isConnected;
  }

  #newClient(): pg.Client {
    return new pg.Client({ ...this.#config(), query_timeout: this.options.answerTimeoutMs });
  }

  #config(): pg.ClientConfig {
    return {
      ...inSchema(this.address.postgres),
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

/** Sets the schema beside what the connection string says under `options`, which would replace it. */
function inSchema(connectionString: string): pg.ClientConfig {
  const options = '-c search_path=bullmq';
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  const given = url?.searchParams.get('options');
  if (!url || !given) return { connectionString, options };
  url.searchParams.set('options', `${given} ${options}`);
  return { connectionString: url.href };
}
