import {
  assertSchemaCompatibility,
  createPostgresBackend,
  type PgPool,
  type PostgresQueueBackend,
  Queue,
  runMigrations,
} from 'bullmq';
import { Socket } from 'node:net';
import pg from 'pg';
import { endsWithin } from '../../execution/time-limit.js';
import type { PostgresAddress, ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { readAddress } from '../options/server-address.js';
import { BullMqWorker } from '../worker/bullmq-worker.js';
import { poolForBullMq } from './pool-for-bullmq.js';
import {
  QueueServer,
  type JobProcessor,
  type TaskQueue,
  type JobWorker,
  type JobWorkerOptions,
} from './queue-server.js';

/** Milliseconds to say goodbye to a database; the connections to one that does not answer are cut. */
const DISCONNECT_MS = 500;

/** Connections to enqueue on. A worker has as many again, and one to listen on. */
const MAX_CONNECTIONS = 10;

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
    // A statement that was frozen with the database is cancelled when it thaws, where that is possible. One connection
    // is always open: its end tells at once that the database is gone.
    this.#pool = this.#openPool({ statement_timeout: answerTimeoutMs, query_timeout: answerTimeoutMs, min: 1 });
  }

  createWorker(process: JobProcessor, options: JobWorkerOptions): JobWorker {
    const connection = poolForBullMq(this.#openPool({}), () => this.#isUp(), true);
    const worker = new BullMqWorker<PostgresQueueBackend, PgPool>(
      this.options.queueName,
      process,
      { ...options, connection },
      createPostgresBackend,
    );
    return worker as unknown as JobWorker;
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
    // A connection in use tells its user by the failure of a query; without a listener it would end the process.
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

/** Sets the schema beside what the connection string says under `options`, which would replace it. */
function inSchema(connectionString: string): pg.ClientConfig {
  const options = '-c search_path=bullmq';
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  const given = url?.searchParams.get('options');
  if (!url || !given) return { connectionString, options };
  url.searchParams.set('options', `${given} ${options}`);
  return { connectionString: url.href };
}
