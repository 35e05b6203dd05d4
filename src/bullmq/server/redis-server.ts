import { Queue } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { failureReason } from './failure-reason.js';
import {
  JobServer,
  type NewJob,
  type ServerListener,
  type TaskJobWorker,
  type TaskProcessor,
  type TaskQueue,
} from './job-server.js';
import { LenientWorker } from '../worker/lenient-worker.js';
import { answeredWithin } from './time-limit.js';

/** Where the Redis is, and how long it may take to answer. */
interface RedisServerOptions {
  readonly connection: string | RedisOptions | Redis;
  readonly prefix: string;
  readonly queueName: string;
  readonly answerTimeoutMs: number;
}

/** Often enough that a Redis that is back is found in a moment. */
const reconnecting = {
  // A timer for each command is a good part of what it costs to send one: whoever asks has a limit of their own.
  commandTimeout: undefined,
  lazyConnect: false,
  connectTimeout: 2_000,
  // For so long a client that has left keeps the process from its end.
  disconnectTimeout: 500,
  retryStrategy: (times: number) => Math.min(times * 50, 500),
} satisfies RedisOptions;

/** A command that cannot be answered now fails now: nothing waits in a queue to be sent, or is sent twice, behind our back. */
const impatient = {
  ...reconnecting,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
} satisfies RedisOptions;

/** BullMQ's workers wait for ever, and so they have to. */
const patient = { ...reconnecting, enableOfflineQueue: true, maxRetriesPerRequest: null } satisfies RedisOptions;

export class RedisServer extends JobServer {
  readonly kind = 'Redis';
  #client: Redis | undefined;
  #queue: TaskQueue | undefined;
  #workerClient: Redis | undefined;
  #worker: TaskJobWorker | undefined;

  constructor(private readonly options: RedisServerOptions) {
    super();
  }

  get queue(): TaskQueue {
    return (this.#queue ??= this.#openQueue());
  }

  connect(listener: ServerListener): void {
    const client = this.#openClient();
    let reason = 'the connection was closed';
    client.on('error', (error: Error) => {
      reason = failureReason(error);
    });
    let patience: NodeJS.Timeout | undefined;
    // Somebody who takes the connection and says nothing, as a frozen server or a proxy before a dead one does.
    client.on('connect', () => {
      patience = setTimeout(() => {
        reason = `it did not answer in ${this.options.answerTimeoutMs} ms`;
        client.disconnect(true);
      }, this.options.answerTimeoutMs);
    });
    client.on('close', () => {
      clearTimeout(patience);
      listener.disconnected(reason);
    });
    client.on('ready', () => {
      clearTimeout(patience);
      listener.connected();
    });
    if (client.status === 'ready') listener.connected();
  }

  /** A pipeline: if the connection breaks in the middle, what had arrived is withdrawn like all that was reported as failed. */
  async add(jobs: readonly NewJob[]): Promise<void> {
    const [job] = jobs;
    // A pipeline of ioredis takes more time to make than one job to add.
    if (job && jobs.length === 1) await this.queue.add(job.name, job.data, job.opts);
    else await this.queue.addBulk([...jobs]);
  }

  /** Redis does one thing after another: what was sent before this is done when this is answered. */
  async settle(): Promise<void> {
    await this.#answered(this.#openClient().ping());
  }

  /** By a write: a replica, a full memory and a full disk refuse each in words of their own. */
  async assertWritable(): Promise<void> {
    const { prefix, queueName } = this.options;
    try {
      await this.#answered(this.#openClient().set(`${prefix}:${queueName}:is:writable`, '', 'PX', 1));
    } catch (error) {
      // Whoever may only do what BullMQ does is told nothing by that.
      if (!failureReason(error).startsWith('NOPERM')) throw error;
    }
  }

  createWorker(process: TaskProcessor, options: Parameters<JobServer['createWorker']>[1]): TaskJobWorker {
    const { connection, prefix, queueName } = this.options;
    this.#workerClient = newClient(connection, patient);
    const worker = new LenientWorker(queueName, process, { ...options, connection: this.#workerClient, prefix });
    this.#worker = worker as unknown as TaskJobWorker;
    return this.#worker;
  }

  async findWeaknesses(): Promise<readonly string[]> {
    const info = infoOf(await this.#answered(this.#openClient().info()));
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
        `Redis may evict tasks when memory is short: its maxmemory-policy is ${policy}. Set "maxmemory-policy noeviction".`,
      );
    }
    const limit = Number(info.get('maxmemory') ?? 0);
    if (policy === 'noeviction' && limit > 0 && Number(info.get('used_memory')) >= limit) {
      throw new Error('it has reached its maxmemory, and refuses tasks. Raise it, or keep fewer finished ones');
    }
    return found;
  }

  disconnect(): Promise<void> {
    this.#client?.disconnect();
    this.#workerClient?.disconnect();
    // The worker's blocking client is BullMQ's own, and left alone if its close() came to nothing.
    void this.#worker
      ?.getBackend()
      .blockingClient?.then((client) => client.status === 'end' || client.disconnect())
      .catch(() => undefined);
    return Promise.resolve();
  }

  #openQueue(): TaskQueue {
    const { prefix, queueName } = this.options;
    // Its look at the version would be a command whose failure leaves the queue unusable for ever.
    const queue: TaskQueue = new Queue(queueName, { connection: this.#openClient(), prefix, skipVersionCheck: true });
    // The client's own listener hears the same.
    queue.on('error', () => undefined);
    return queue;
  }

  #openClient(): Redis {
    return (this.#client ??= newClient(this.options.connection, impatient));
  }

  #answered<T>(answer: Promise<T>): Promise<T> {
    return answeredWithin(answer, this.options.answerTimeoutMs);
  }
}

function newClient(connection: string | RedisOptions | Redis, overrides: object): Redis {
  if (typeof connection === 'string') return new Redis(connection, overrides);
  return isClient(connection) ? connection.duplicate(overrides) : new Redis({ ...connection, ...overrides });
}

/** Told by what it can do: the application may have another copy of ioredis. */
function isClient(connection: RedisOptions | Redis): connection is Redis {
  return 'duplicate' in connection && typeof connection.duplicate === 'function';
}

function infoOf(text: string): Map<string, string> {
  return new Map(text.split(/\r?\n/).map((line) => line.split(/:(.*)/s, 2) as [string, string]));
}
