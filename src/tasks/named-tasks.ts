import type { ModulesContainer } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import type { JsonValue } from '../contracts/json.js';
import type { TaskEnvelope, TaskEnvelopeContext } from '../contracts/task-envelope.js';
import type { TracePropagation } from '../contracts/trace-propagation.js';
import { InvalidOptionError } from '../errors/errors.js';
import { UnknownTaskError } from '../errors/named-task-errors.js';
import type { ResolvedModuleOptions } from '../options/module-options.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { TaskDefinition } from './define-task.js';
import type { CheckedEnqueueOptions } from './enqueue-options.js';
import { checkPayload, copyPayload, payloadOf } from './payload.js';
import type { QueuedTask } from './queued-task.js';
import { type EnqueuedTask, type TaskBackend, TaskBackends } from './task-backend.js';
import type { TaskCall } from './task-call.js';
import { TaskRegistry } from './task-registry.js';

/** Calls the handler of a task that is running. Implemented by what knows scopes, which lie above. */
export interface HandlerCaller {
  call(envelope: TaskEnvelope): unknown;
}

/** What a named task is enqueued in. */
interface EnqueueOrigin {
  /** What Nest injects as `REQUEST`. */
  readonly request: unknown;
  /** What the named task brought along that enqueues another. */
  readonly carried?: TaskEnvelopeContext;
}

type NamedTaskOptions = Pick<ResolvedModuleOptions, 'captureContext' | 'maxPayloadBytes' | 'tracePropagation'>;

/** The named tasks of the application: their handlers, the backend that carries them, and what may be sent. */
export class NamedTasks extends TaskBackends {
  readonly registry = new TaskRegistry();
  #backend: TaskBackend | undefined;
  #caller: HandlerCaller | undefined;
  /** The tasks of this process that run, or are sure to, by their names and idempotency keys. */
  readonly #claimed = new Map<string, QueuedTask>();

  constructor(private readonly options: NamedTaskOptions) {
    super();
  }

  /** How traces travel; absent where the application traces nothing. */
  get traces(): TracePropagation | undefined {
    return this.options.tracePropagation;
  }

  /** What carries them out of this process; `undefined` if they stay in it. */
  get backend(): TaskBackend | undefined {
    return this.#backend;
  }

  override use(backend: TaskBackend): void {
    if (this.#backend)
      throw new InvalidOptionError(
        'backend',
        backend,
        'There is one already: import one module that brings a backend.',
      );
    this.#backend = backend;
  }

  /** Says who calls handlers. */
  callWith(caller: HandlerCaller): void {
    this.#caller = caller;
  }

  /** Reads the handlers of all modules, now and when some were loaded lazily. @throws DUPLICATE_TASK, INVALID_OPTION */
  explore(modules: ModulesContainer): void {
    this.registry.explore(modules);
    for (const { name, bullmq } of this.registry.definitions) {
      if (bullmq) this.#backend?.checkSettings(`${name}.bullmq`, bullmq);
    }
  }

  /** @throws UNKNOWN_TASK, INVALID_OPTION, INVALID_PAYLOAD, BACKEND_UNAVAILABLE */
  prepare(
    definition: TaskDefinition,
    payload: unknown,
    options: CheckedTaskOptions,
    { idempotencyKey, bullmq }: CheckedEnqueueOptions,
    origin: EnqueueOrigin,
  ): EnqueuedTask {
    // Another definition of the same name has another schema.
    if (this.registry.get(definition.name).definition !== definition) throw new UnknownTaskError(definition.name);
    const sent = this.#json(payloadOf(definition.name), payload);
    checkPayload(definition, sent);
    if (bullmq) this.#backend?.checkSettings('enqueue.bullmq', bullmq);
    if (!this.#backend?.runsHereInstead) this.#backend?.assertReady();
    return {
      envelope: {
        v: 1,
        name: definition.name,
        id: randomUUID(),
        payload: sent,
        context: this.#context(definition, options, origin),
      },
      idempotencyKey,
      retry: options.retry,
      settings: { ...definition.bullmq, ...bullmq },
    };
  }

  /** What runs the task in this process. */
  callOf({ envelope }: EnqueuedTask): TaskCall {
    // A handler may change what it is given, and another attempt gets it as it was.
    const call = () => this.#caller!.call({ ...envelope, payload: structuredClone(envelope.payload) });
    return { fn: call, target: undefined, args: [], name: envelope.name };
  }

  /**
   * Takes the key of a task that is going to run, until it has ended. Returns whether it is free: of
   * two tasks of one key only one runs. A backend looks after keys itself.
   */
  claim(task: QueuedTask, key: string): boolean {
    const holder = this.#claimed.get(key);
    if (holder && !holder.isSettled) return false;
    this.#claimed.set(key, task);
    void task.settled.then(() => {
      if (this.#claimed.get(key) === task) this.#claimed.delete(key);
    });
    return true;
  }

  #context(
    { name, options: { timeoutMs } }: TaskDefinition,
    given: CheckedTaskOptions,
    origin: EnqueueOrigin,
  ): TaskEnvelopeContext {
    const ownLimit = given.timeoutMs !== undefined && given.timeoutMs !== timeoutMs && { timeoutMs: given.timeoutMs };
    // In this process the task keeps the async context it was enqueued in, and with it the trace.
    const trace = this.#backend && this.traces?.headers();
    const ownTrace = trace && { trace };
    if (origin.carried) {
      const { timeoutMs: _ofTheCarrier, ...carried } = origin.carried;
      return { ...carried, ...ownTrace, ...ownLimit };
    }
    const captured = this.options.captureContext?.(origin.request);
    return {
      ...ownTrace,
      ...(captured !== undefined && {
        captured: this.#json(`What captureContext returned for task "${name}"`, captured),
      }),
      ...ownLimit,
    };
  }

  #json(what: string, value: unknown): JsonValue {
    return copyPayload(what, value, this.options.maxPayloadBytes);
  }
}
