import { assertSchemaCompatibility, createPostgresBackend, Queue, runMigrations } from 'bullmq';
import { Socket } from 'node:net';
import pg from 'pg';
import { endsWithin } from '../../execution/time-limit.js';
import type { PostgresAddress, ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { readAddress } from '../options/server-address.js';
import { BullMqWorker } from '../worker/bullmq-worker.js';
import { poolForBullMq } from './pool-for-bullmq.js';
import { type JobProcessor, type JobWorkerOptions, QueueServer, type TaskQueue } from './queue-server.js';

export class PostgresServer extends QueueServer {
  readonly #config: pg.PoolConfig;
  readonly #sockets = new Set<Socket>();
  readonly #pools: pg.Pool[] = [];
  readonly #pool: pg.Pool;

  constructor(
    options: ResolvedBullMqOptions,
    private readonly address: PostgresAddress,
  ) {
    super(options);
    const connection = inSchema(address.postgres);
    // A pool would read it only when it connects.
    readAddress('postgres', () => new pg.Client(connection));
    const { answerTimeoutMs } = options;
    this.#config = {
      ...connection,
      connectionTimeoutMillis: answerTimeoutMs,
      max: MAX_CONNECTIONS,
      keepAlive: true,
      stream: () => this.#newSocket(),
    };
    // The limit also cancels a statement that was frozen with the database. One connection is always open, because its
    // end is the first sign that the database is gone.
    this.#pool = this.#openPool({ statement_timeout: answerTimeoutMs, query_timeout: answerTimeoutMs, min: 1 });
  }

  createWorker(process: JobProcessor, options: JobWorkerOptions): BullMqWorker {
    const connection = poolForBullMq(this.#openPool({}), () => this.#isUp(), true);
    const settings = { ...options, connection: connection as never };
    return new BullMqWorker(this.options.queueName, process, settings, createPostgresBackend as never);
  }

  async findWeaknesses(): Promise<readonly string[]> {
    await assertReadWrite(this.#pool);
    return [];
  }

  protected createQueue(): TaskQueue {
    const connection = poolForBullMq(this.#pool, () => this.#isUp(), false);
    return new Queue(this.options.queueName, { connection }, createPostgresBackend) as unknown as TaskQueue;
  }

  protected connect(): void {
    void this.check();
  }

  protected async assertWritable(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await (this.address.migrate ? runMigrations(client) : assertSchemaCompatibility(client));
      await assertReadWrite(client);
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  protected async disconnect(): Promise<void> {
    await endsWithin(Promise.allSettled(this.#pools.map((pool) => pool.end())), DISCONNECT_MS);
    for (const socket of this.#sockets) socket.destroy();
  }

  #openPool(config: pg.PoolConfig): pg.Pool {
    const pool = new pg.Pool({ ...this.#config, ...config });
    pool.on('error', () => void this.check());
    // The query of a broken connection fails. Without a listener the connection would also end the process.
    pool.on('connect', (client) => client.on('error', () => undefined));
    this.#pools.push(pool);
    return pool;
  }

  #isUp(): boolean {
    // BullMQ knows this message, and ends its loops.
    if (this.isClosed) throw new Error('Connection is closed.');
    return this.unavailableBecause === undefined;
  }

  #newSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

/** Rejects on a standby, and where the database is set to be read only. */
async function assertReadWrite(database: pg.Pool | pg.PoolClient): Promise<void> {
  const { rows } = await database.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
  if (rows[0]?.transaction_read_only === 'on') throw new Error('it is read-only, and refuses tasks');
}

/** Adds the schema to the `options` of the connection string, which would replace it. */
function inSchema(connectionString: string): pg.ClientConfig {
  const options = '-c search_path=bullmq';
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  const given = url?.searchParams.get('options');
  if (!url || !given) return { connectionString, options };
  url.searchParams.set('options', `${given} ${options}`);
  return { connectionString: url.href };
}

/** Milliseconds to disconnect properly. Then the connections are cut. */
const DISCONNECT_MS = 500;

/** Connections to enqueue on. A worker has as many of its own, one of them to listen on. */
const MAX_CONNECTIONS = 10;
