import { Queue } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress, ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { readAddress } from '../options/server-address.js';
import { BullMqWorker } from '../worker/bullmq-worker.js';
import { failureReason } from './failure-reason.js';
import { type HeldKey, type JobProcessor, type JobWorkerOptions, QueueServer, type TaskQueue } from './queue-server.js';
import { CLAIM, FREE_KEYS } from './redis-scripts.js';

export class RedisServer extends QueueServer {
  /** All requests share a connection, and BullMQ adds job by job: 200 take 30 ms, in which nobody else is served. */
  protected readonly jobsPerRoundTrip = 200;
  readonly #client: Redis;
  #workerClient: Redis | undefined;
  #worker: BullMqWorker | undefined;

  constructor(
    options: ResolvedBullMqOptions,
    private readonly address: RedisAddress,
  ) {
    super(options);
    this.#client = readAddress('connection', () => newClient(address.connection, failFast));
    this.#reportConnection();
  }

  createWorker(process: JobProcessor, options: JobWorkerOptions): BullMqWorker {
    const { connection, prefix } = this.address;
    this.#workerClient = newClient(connection, waitForServer);
    const settings = { ...options, connection: this.#workerClient, prefix };
    this.#worker = new BullMqWorker(this.options.queueName, process, settings);
    return this.#worker;
  }

  async findWeaknesses(): Promise<readonly string[]> {
    const info = infoOf(await this.#client.info());
    if (info.get('role') === 'slave' && info.get('slave_read_only') === '1') {
      throw new Error('it is a read-only replica, and refuses tasks. Connect to its master');
    }
    const found: string[] = [];
    if (info.get('aof_enabled') === '0') {
      found.push('Redis keeps no append-only file: a crash loses what it accepted last. Set "appendonly yes".');
    }
    const policy = info.get('maxmemory_policy') ?? 'noeviction';
    if (policy !== 'noeviction') {
      found.push(
        `Redis may evict tasks when memory is short: its maxmemory-policy is ${policy}. ` +
          'Set "maxmemory-policy noeviction".',
      );
    }
    const limit = Number(info.get('maxmemory') ?? 0);
    if (policy === 'noeviction' && limit > 0 && Number(info.get('used_memory')) >= limit) {
      throw new Error('it has reached its maxmemory, and refuses tasks. Raise it, or keep fewer finished ones');
    }
    return found;
  }

  async claim(moments: readonly number[], token: string, lockDurationMs: number): Promise<string | undefined> {
    const keys = ['delayed', 'active', 'meta', 'events', ''].map((name) => this.#key(name));
    const id = await this.#workerClient!.eval(
      CLAIM,
      keys.length,
      ...keys,
      token,
      lockDurationMs,
      Date.now(),
      ...moments,
    );
    return (id as string | null) ?? undefined;
  }

  protected async freeKeys(keys: readonly HeldKey[]): Promise<void> {
    const sets = ['completed', 'failed', ''].map((name) => this.#key(name));
    const jobs = keys.flatMap((key) => [key.jobId, key.succeededBefore ?? 0, key.failedBefore ?? 0]);
    await this.#client.eval(FREE_KEYS, sets.length, ...sets, ...jobs);
  }

  protected createQueue(): TaskQueue {
    // BullMQ connects a client that has not begun to, and gives up for good if that fails.
    this.connect();
    const { prefix } = this.address;
    // If BullMQ's check of the version failed, the queue would be unusable for good.
    return new Queue(this.options.queueName, { connection: this.#client, prefix, skipVersionCheck: true });
  }

  protected connect(): void {
    // It keeps trying, and its events report the outcome.
    if (this.#client.status === 'wait') void this.#client.connect().catch(() => undefined);
  }

  /** Writes a key, which a replica, a full memory and a full disk all refuse. */
  protected async assertWritable(): Promise<void> {
    try {
      await this.answered(this.#client.set(this.#key('is:writable'), '', 'PX', 1));
    } catch (error) {
      // A user may have permission for BullMQ's own keys and commands only.
      if (!failureReason(error).startsWith('NOPERM')) throw error;
    }
  }

  protected disconnect(): Promise<void> {
    this.#client.disconnect();
    this.#workerClient?.disconnect();
    // The worker's blocking client belongs to BullMQ, and is still open if the worker's close() did not end.
    void this.#worker
      ?.getBackend()
      .blockingClient?.then((client) => client.status === 'end' || client.disconnect())
      .catch(() => undefined);
    return Promise.resolve();
  }

  #key(name: string): string {
    return `${this.address.prefix}:${this.options.queueName}:${name}`;
  }

  #reportConnection(): void {
    const { answerTimeoutMs } = this.options;
    let reason = 'the connection was closed';
    let silence: NodeJS.Timeout | undefined;
    this.#client.on('error', (error: Error) => {
      reason = failureReason(error);
    });
    // A frozen server, or a proxy in front of a dead one, accepts the connection and never answers.
    this.#client.on('connect', () => {
      silence = setTimeout(() => {
        reason = `it did not answer in ${answerTimeoutMs} ms`;
        this.#client.disconnect(true);
      }, answerTimeoutMs);
    });
    this.#client.on('close', () => {
      clearTimeout(silence);
      this.disconnected(reason);
    });
    this.#client.on('ready', () => {
      clearTimeout(silence);
      void this.check();
    });
  }
}

const reconnecting = {
  // Each of our commands has a limit of its own, and a second timer is not cheap.
  commandTimeout: undefined,
  connectTimeout: 2_000,
  // A disconnected client keeps the process alive for so long.
  disconnectTimeout: 500,
  retryStrategy: (times: number) => Math.min(times * 50, 500),
} satisfies RedisOptions;

/** A command that cannot be answered now fails now: ioredis neither keeps it for later nor sends it twice. */
const failFast = {
  ...reconnecting,
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
} satisfies RedisOptions;

/** BullMQ's workers need commands that wait for the server as long as it takes. */
const waitForServer = {
  ...reconnecting,
  lazyConnect: false,
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
} satisfies RedisOptions;

function newClient(connection: string | RedisOptions | Redis, overrides: object): Redis {
  if (typeof connection === 'string') return new Redis(connection, overrides);
  return isClient(connection) ? connection.duplicate(overrides) : new Redis({ ...connection, ...overrides });
}

/** Not `instanceof`, because the application may have another copy of ioredis. */
function isClient(connection: RedisOptions | Redis): connection is Redis {
  return 'duplicate' in connection && typeof connection.duplicate === 'function';
}

function infoOf(text: string): Map<string, string> {
  return new Map(text.split(/\r?\n/).map((line) => line.split(/:(.*)/s, 2) as [string, string]));
}
