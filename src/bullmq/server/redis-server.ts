import { FlowProducer, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { createHash } from 'node:crypto';
import type { RedisAddress, ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { readAddress } from '../options/server-address.js';
import { BullMqWorker } from '../worker/bullmq-worker.js';
import { failureReason } from './failure-reason.js';
import { MARK } from './job-end.js';
import type { HeldKey } from './new-job.js';
import { type JobProcessor, type JobWorkerOptions, QueueServer, type TaskQueue } from './queue-server.js';
import { failFast, isTooOld, LOWEST_VERSION, newClient, versionIn, waitForServer } from './redis-client.js';
import { refusedOf, TO_ADD, TO_ADD_SOME, TO_WORK, TRY_COMMANDS } from './redis-rights.js';
import { CLAIM, FREE_KEYS, MARKED, TAKE } from './redis-scripts.js';

export class RedisServer extends QueueServer {
  /** All requests share a connection, and BullMQ adds job by job: 200 take 30 ms, in which nobody else is served. */
  protected readonly jobsPerRoundTrip = 200;
  readonly #client: Redis;
  #workerClient: Redis | undefined;
  readonly #workers: BullMqWorker[] = [];
  readonly #eventClients = new Set<Redis>();

  constructor(
    options: ResolvedBullMqOptions,
    private readonly address: RedisAddress,
  ) {
    super(options);
    this.#client = readAddress('connection', () => newClient(address.connection, failFast));
    this.#reportConnection();
  }

  /** All workers share a client, and each has another one of its own to wait for jobs. */
  createWorker(queueName: string, process: JobProcessor, options: JobWorkerOptions): BullMqWorker {
    const { connection, prefix } = this.address;
    this.#workerClient ??= newClient(connection, waitForServer);
    const worker = new BullMqWorker(queueName, process, { ...options, connection: this.#workerClient, prefix });
    this.#workers.push(worker);
    return worker;
  }

  async claim(queueName: string, moments: readonly number[], token: string, lockDurationMs: number) {
    const keys = ['delayed', 'active', 'meta', 'events', ''].map((name) => this.#key(name, queueName));
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

  async take(queueName: string, jobId: string, token: string, lockDurationMs: number): Promise<boolean> {
    const keys = ['wait', 'paused', 'prioritized', 'delayed', 'active', ''].map((name) => this.#key(name, queueName));
    return (await this.#client.eval(TAKE, keys.length, ...keys, jobId, token, lockDurationMs)) === 1;
  }

  async cancelled(queueName: string, jobIds: readonly string[]): Promise<readonly string[]> {
    const keys = jobIds.map((id) => this.#key(id, queueName));
    const found = (await this.#client.eval(MARKED, keys.length, ...keys, MARK)) as readonly number[];
    return found.map((position) => jobIds[position - 1]!);
  }

  /** BullMQ copies the client that it is given, and closes no more than the copy. So the given one never connects. */
  protected createEvents(queueName: string): QueueEvents {
    const { connection, prefix } = this.address;
    const given = newClient(connection, { ...waitForServer, lazyConnect: true });
    const duplicate = given.duplicate.bind(given);
    const clients: Redis[] = [];
    given.duplicate = (overrides) => {
      const client = duplicate({ ...overrides, lazyConnect: false });
      clients.push(client);
      this.#eventClients.add(client);
      client.once('end', () => this.#eventClients.delete(client));
      // The server notices the same errors by itself. Without a listener, ioredis would print each of them.
      client.on('error', () => undefined);
      return client;
    };
    const events = new QueueEvents(queueName, { connection: given, prefix, autorun: false, skipVersionCheck: true });
    const close = events.close.bind(events);
    events.close = () => {
      // BullMQ would wait until a server is back that is away, and go on trying to connect.
      for (const client of clients) client.disconnect();
      return close();
    };
    return events;
  }

  async freeKeys(queueName: string, keys: readonly HeldKey[]): Promise<void> {
    const sets = ['completed', 'failed', ''].map((name) => this.#key(name, queueName));
    const jobs = keys.flatMap((key) => [key.jobId, key.succeededBefore ?? 0, key.failedBefore ?? 0]);
    await this.#client.eval(FREE_KEYS, sets.length, ...sets, ...jobs);
  }

  protected createQueue(name: string): TaskQueue {
    // BullMQ connects a client that has not begun to, and gives up for good if that fails.
    this.connect();
    const { prefix } = this.address;
    // If BullMQ's check of the version failed, the queue would be unusable for good.
    return new Queue(name, { connection: this.#client, prefix, skipVersionCheck: true });
  }

  protected createFlows(): FlowProducer {
    return new FlowProducer({ connection: this.#client, prefix: this.address.prefix, skipVersionCheck: true });
  }

  protected connect(): void {
    // It keeps trying, and its events report the outcome.
    if (this.#client.status === 'wait') void this.#client.connect().catch(() => undefined);
  }

  protected async tryToAdd(): Promise<readonly string[]> {
    const keys = [PROBE_KEY, ...KEYS_OF_A_TASK].map((name) => this.#key(name));
    const { worker } = this.options;
    const commands = [...TO_ADD, ...(worker ? TO_WORK : []), ...TO_ADD_SOME];
    const answers = this.#client
      .pipeline()
      .eval(TRY_COMMANDS, keys.length, ...keys, ...commands)
      // ioredis sends a script by its hash when it sends it again.
      .evalsha(TRY_COMMANDS_HASH, keys.length, ...keys)
      .exec();
    // Scripts cannot try a transaction. A refusal of it is no outage.
    const groups = this.#client.multi().exec();
    const refusedGroups = this.answered(groups).then(() => undefined, failureReason);
    const [tried, again] = (await this.answered(answers)) ?? [];
    const error = tried?.[0] ?? again?.[0];
    if (error) throw new Error(this.#refusal(failureReason(error)), { cause: error });
    const refused = tried?.[1] as string[];
    const reason = refusedOf(TO_ADD, refused);
    if (reason !== undefined) throw new Error(reason);
    const [some, work] = [refusedOf(TO_ADD_SOME, refused), refusedOf(TO_WORK, refused)];
    const group = await refusedGroups;
    return [
      ...(some === undefined ? [] : [`Redis takes only some tasks: ${some}.`]),
      ...(group === undefined ? [] : [`Redis takes no groups: it refuses MULTI and EXEC to this user (${group}).`]),
      ...(work === undefined ? [] : [`The worker cannot do its work: ${work}.`]),
    ];
  }

  protected async findWeaknesses(): Promise<readonly string[]> {
    let text: string;
    try {
      text = (await this.#client.call('info')) as string;
    } catch (error) {
      return [`Redis does not say whether it may lose tasks: it refuses INFO (${failureReason(error)}).`];
    }
    const info = infoOf(text);
    const found: string[] = [];
    if (isTooOld(text)) {
      found.push(`Redis says that its version is ${versionIn(text)}. BullMQ needs ${LOWEST_VERSION}.`);
    }
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
    return found;
  }

  protected disconnect(): Promise<void> {
    this.#client.disconnect();
    this.#workerClient?.disconnect();
    for (const client of this.#eventClients) client.disconnect();
    // A worker's blocking client belongs to BullMQ, and is still open if the worker's close() did not end.
    for (const worker of this.#workers) {
      void worker
        .getBackend()
        .blockingClient?.then((client) => client.status === 'end' || client.disconnect())
        .catch(() => undefined);
    }
    return Promise.resolve();
  }

  /** Adds what Redis leaves out. */
  #refusal(reason: string): string {
    return /\bkeys?\b/.test(reason) ? `${reason}: it uses ${this.#key('*')}` : reason;
  }

  #key(name: string, queueName = this.options.queueName): string {
    return `${this.address.prefix}:${queueName}:${name}`;
  }

  #reportConnection(): void {
    const { answerTimeoutMs } = this.options;
    const closed = 'the connection was closed';
    let reason = closed;
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
      reason = closed;
      void this.check();
    });
  }
}

function infoOf(text: string): Map<string, string> {
  return new Map(text.split(/\r?\n/).map((line) => line.split(/:(.*)/s, 2) as [string, string]));
}

/** The name of no job: those of tasks go on with an id. */
const PROBE_KEY = 't0';

const KEYS_OF_A_TASK = ['wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker'];

const TRY_COMMANDS_HASH = createHash('sha1').update(TRY_COMMANDS).digest('hex');
