import {
  assertSchemaCompatibility,
  createPostgresBackend,
  FlowProducer,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  Queue,
  QueueEvents,
  runMigrations,
  SchemaMigrationRequiredError,
} from 'bullmq';
import { Socket } from 'node:net';
import pg from 'pg';
import type { Transaction } from '../../contracts/transaction.js';
import { BackendUnavailableError } from '../../errors/named-task-errors.js';
import { isInstance } from '../../errors/safely.js';
import { endsWithin } from '../../execution/time-limit.js';
import type { PostgresAddress, ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { readAddress } from '../options/server-address.js';
import { BullMqWorker } from '../worker/bullmq-worker.js';
import { failureReason } from './failure-reason.js';
import { poolForBullMq } from './pool-for-bullmq.js';
import { addAndTakeBack, isAnswer } from './postgres-rights.js';
import { CLAIM, FREE_KEYS, MARKED, TAKE } from './postgres-statements.js';
import { insertJobs, whatIsMissing } from './postgres-transaction.js';
import { queryOf } from './transaction-query.js';
import type { HeldKey, NewJob } from './new-job.js';
import { type JobProcessor, type JobWorkerOptions, QueueServer, type TaskQueue } from './queue-server.js';

export class PostgresServer extends QueueServer {
  /** One statement takes all of them or none, on a connection of its own. */
  protected readonly jobsPerRoundTrip = Infinity;
  readonly #config: pg.PoolConfig;
  readonly #sockets = new Set<Socket>();
  readonly #pools: pg.Pool[] = [];
  readonly #pool: pg.Pool;
  #workerPool: PgPool | undefined;
  #eventsPool: pg.Pool | undefined;
  #lastExclusive: Promise<unknown> = Promise.resolve();

  constructor(
    options: ResolvedBullMqOptions,
    private readonly address: PostgresAddress,
  ) {
    super(options);
    const connection = inSchema(address.postgres);
    // A pool would read it only when it connects.
    readAddress('postgres', () => new pg.Client(connection));
    // Later than our own limit, so that this one tells silence from a refusal.
    const limitMs = options.answerTimeoutMs + LATER_MS;
    this.#config = {
      ...connection,
      connectionTimeoutMillis: limitMs,
      max: MAX_CONNECTIONS,
      keepAlive: true,
      stream: () => this.#newSocket(),
    };
    // The limit also cancels a statement that was frozen with the database. One connection is always open, because its
    // end is the first sign that the database is gone.
    this.#pool = this.#openPool({ statement_timeout: limitMs, query_timeout: limitMs, min: 1 });
  }

  /** Each worker has connections of its own, one of which it listens on. */
  createWorker(queueName: string, process: JobProcessor, options: JobWorkerOptions): BullMqWorker {
    const pool = poolForBullMq(this.#openPool({}), () => this.#isUp(), true);
    this.#workerPool ??= pool;
    const settings = { ...options, connection: pool as never };
    return new BullMqWorker(queueName, process, settings, createPostgresBackend as never);
  }

  async claim(queueName: string, moments: readonly number[], token: string, lockDurationMs: number) {
    const now = Date.now();
    const parameters = [queueName, moments, token, now, now + lockDurationMs];
    const { rows } = await this.#workerPool!.query<{ id: string }>(CLAIM, parameters);
    return rows[0]?.id;
  }

  async take(queueName: string, jobId: string, token: string, lockDurationMs: number): Promise<boolean> {
    const { rowCount } = await this.#pool.query(TAKE, [queueName, jobId, token, Date.now() + lockDurationMs]);
    return rowCount === 1;
  }

  async cancelled(queueName: string, jobIds: readonly string[]): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ id: string }>(MARKED, [queueName, jobIds]);
    return rows.map(({ id }) => id);
  }

  protected createEvents(queueName: string): QueueEvents {
    this.#eventsPool ??= this.#openPool({});
    const connection = poolForBullMq(this.#eventsPool, () => this.#isUp(), true);
    const events = new QueueEvents(queueName, { connection, autorun: false }, createPostgresBackend);
    return events as unknown as QueueEvents;
  }

  /** One after another in this process: each needs a connection for the lock and another one for the work. */
  override exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
    const result = this.#lastExclusive.then(() => this.#locked(`${this.options.queueName}:${name}`, work));
    this.#lastExclusive = result.catch(() => undefined);
    return result;
  }

  override async insert(what: string, transaction: Transaction, jobs: readonly NewJob[]): Promise<void> {
    const query = queryOf(transaction);
    try {
      await insertJobs(query, this.queues, jobs);
    } catch (error) {
      const missing = whatIsMissing(error);
      if (missing === undefined) throw error;
      const fix = 'Give a transaction on the database of the option "postgres", which migrateBullMq() has prepared.';
      throw new BackendUnavailableError(what, missing, { cause: error, fix });
    }
  }

  async freeKeys(queueName: string, keys: readonly HeldKey[]): Promise<void> {
    await this.#pool.query(FREE_KEYS, [
      queueName,
      keys.map(({ jobId }) => jobId),
      keys.map(({ succeededBefore }) => succeededBefore),
      keys.map(({ failedBefore }) => failedBefore),
    ]);
  }

  protected createQueue(name: string): TaskQueue {
    const connection = poolForBullMq(this.#pool, () => this.#isUp(), false);
    return new Queue(name, { connection }, createPostgresBackend) as unknown as TaskQueue;
  }

  protected createFlows(): FlowProducer {
    const connection = poolForBullMq(this.#pool, () => this.#isUp(), false);
    return new FlowProducer({ connection }, createPostgresBackend) as unknown as FlowProducer;
  }

  protected connect(): void {
    void this.check();
  }

  protected async tryToAdd(): Promise<readonly string[]> {
    const client = await this.#pool.connect();
    const { queueName, worker } = this.options;
    try {
      await this.#assertSchema(client);
      const freeKeys = () => client.query(FREE_KEYS, [queueName, [], [], []]);
      const refused = await addAndTakeBack(client, queueName, worker !== false, freeKeys);
      client.release();
      return refused;
    } catch (error) {
      client.release(!isAnswer(error));
      throw (error as { readonly code?: unknown }).code === READ_ONLY ? readOnly(error) : error;
    }
  }

  protected findWeaknesses(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  protected async disconnect(): Promise<void> {
    await endsWithin(Promise.allSettled(this.#pools.map((pool) => pool.end())), DISCONNECT_MS);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Creates or upgrades the tables only where that is needed, because it takes other rights than adding a task. */
  async #assertSchema(client: pg.PoolClient): Promise<void> {
    const version = await assertSchemaCompatibility(client).catch((error: unknown) => {
      if (this.address.migrate && isInstance(error, SchemaMigrationRequiredError)) return 0;
      throw error;
    });
    if (!this.address.migrate || version >= LATEST_SCHEMA_VERSION) return;
    try {
      await runMigrations(client);
    } catch (error) {
      if (!isAnswer(error)) throw error;
      const fix = 'call migrateBullMq() as a user who may';
      throw new Error(`it does not let this role create BullMQ's tables (${failureReason(error)}): ${fix}`, {
        cause: error,
      });
    }
  }

  async #locked<T>(name: string, work: () => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [name]);
      const result = await work();
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      client.release(true);
      throw error;
    }
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

/** Explains the refusal of a standby, and of a database or a role that is set to be read only. */
function readOnly(error: unknown): Error {
  return new Error(`it is read-only, and refuses tasks (${failureReason(error)})`, { cause: error });
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

/** The code of PostgreSQL for what a transaction refuses that only reads. */
const READ_ONLY = '25006';

/** Milliseconds by which the limits of the connections are later than ours. */
const LATER_MS = 100;

/** Milliseconds to disconnect properly. Then the connections are cut. */
const DISCONNECT_MS = 500;

/** Connections to enqueue on. A worker has as many of its own, one of them to listen on. */
const MAX_CONNECTIONS = 10;
