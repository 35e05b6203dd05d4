import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { type BackendHealth, TaskBackend } from '../contracts/task-backend.js';
import type { CancelAnswer, NamedTaskReport } from '../contracts/named-task-report.js';
import type { TaskEnvelopeContext } from '../contracts/task-envelope.js';
import type { Transaction } from '../contracts/transaction.js';
import { nameOf } from '../errors/describe-value.js';
import { InvalidOptionError } from '../errors/errors.js';
import { isPromise } from '../errors/safely.js';
import { GroupsUnsupportedError, TransactionsUnsupportedError, UnknownTaskError } from '../errors/named-task-errors.js';
import { errorText } from '../execution/error-text.js';
import { isThenable } from '../execution/task-result.js';
import { traced } from '../execution/traced.js';
import { wrappersOf } from '../nest/injector.js';
import { readOption } from '../options/checks.js';
import { backendRule } from '../options/module-options.js';
import { mergeSettings } from '../options/enqueue-options.js';
import type { RequestScope } from '../scope/request-scope.js';
import type { ScopeOrigin } from '../scope/scope-source.js';
import { type EnqueueCall, RequestScopes } from '../scope/request-scopes.js';
import { BackendWatch } from './backend-watch.js';
import { HandlerRunner } from './handler-runner.js';
import { InProcessBackend } from './in-process.backend.js';
import { KeptReports } from './kept-reports.js';
import { NamedTask } from './named-task.js';
import { copyPayload, payloadToSend } from './payload.js';
import { TaskGroup } from './task-group.js';
import { TaskRegistry } from './task-registry.js';
import { newTaskId } from './task-id.js';
import { activeTrace } from './task-trace.js';
import { WatchedTasks } from './watched-tasks.js';

/** The named tasks of the application: makes them, hands them over, and runs them for the backend. */
@Injectable()
export class NamedTasks {
  readonly #registry = new TaskRegistry();
  /** Runs the handlers, for a backend and for the testing helpers. */
  readonly runner: HandlerRunner;
  #backend: TaskBackend | undefined;
  #hasStarted = false;
  /** The reports of tasks that run here; `undefined` unless the application wants them. */
  readonly #kept: KeptReports | undefined;
  readonly watched = new WatchedTasks({
    find: (id) => this.findReport(id),
    watch: (changed) => this.#watchReports(changed),
  });

  constructor(
    private readonly scopes: RequestScopes,
    private readonly modules: ModulesContainer,
  ) {
    this.runner = new HandlerRunner(scopes, this.#registry);
    scopes.createNamedTask = (call, scope) => this.#create(call, scope);
    scopes.engine.backendHealth = () => this.health();
    scopes.engine.handOver = (tasks) => this.#handOver(tasks as readonly NamedTask[]);
    scopes.engine.insert = (tasks, transaction) => this.#insert(tasks as readonly NamedTask[], transaction);
    scopes.engine.checkHandOver = (tasks) => {
      if (tasks.length > 0) this.backend.checkBatch(tasks as readonly NamedTask[]);
    };
    const { keepReports, maxPayloadBytes } = scopes.engine.options;
    if (keepReports > 0) {
      this.#kept = new KeptReports(keepReports, maxPayloadBytes);
      scopes.engine.observation.add(this.#kept);
    }
    // In the constructor, because other modules may enqueue in onModuleInit().
    this.#registry.explore(modules);
  }

  /**
   * The backend of the `backend` option, else of a provider, else this process. Known once everything is built. @throws
   * INVALID_OPTION
   */
  get backend(): TaskBackend {
    return (this.#backend ??= this.#findBackend());
  }

  /**
   * Reads the handlers of all modules again, some of which may have been loaded lazily, and has the backend check the
   * settings of their definitions.
   *
   * @throws DUPLICATE_TASK, WRONG_HANDLER, INVALID_OPTION
   */
  explore(): void {
    this.#registry.explore(this.modules);
    this.#registry.checkHandlers();
    for (const { name, settings } of this.#registry.definitions) this.backend.checkSettings(name, settings);
    if (this.#hasStarted) this.backend.handlersLoaded();
  }

  /** Tells the backend that handlers can run. */
  async start(): Promise<void> {
    this.backend.watch(new BackendWatch(this.scopes.engine.events));
    await this.backend.start(this.runner);
    this.#hasStarted = true;
  }

  /**
   * Begins the batches that wait for more tasks, and tells the backend to start no more jobs. What it throws is logged:
   * it must not end the drain.
   */
  async pause(): Promise<void> {
    this.watched.close();
    this.runner.flush();
    try {
      await this.backend.pause();
    } catch (error) {
      this.scopes.engine.log.pauseFailed(error);
    }
  }

  /** Asks the backend for its health. One that throws is down. */
  async health(): Promise<BackendHealth> {
    try {
      return await this.backend.health();
    } catch (error) {
      return { status: 'down', reasons: [errorText(error)] };
    }
  }

  /** @throws BACKEND_UNAVAILABLE */
  async findReport(id: string): Promise<NamedTaskReport | undefined> {
    const { backend } = this;
    if (!this.#kept && !backend.findTask) this.scopes.engine.log.reportsNotKept();
    return this.#kept?.get(id) ?? backend.findTask?.(id);
  }

  /** @throws BACKEND_UNAVAILABLE */
  async cancel(id: string): Promise<CancelAnswer> {
    const answer = this.#kept?.cancel(id) ?? 'unknown';
    return answer === 'unknown' ? ((await this.backend.cancelTask?.(id)) ?? answer) : answer;
  }

  #watchReports(changed: (id?: string) => void): () => void {
    const ends = [this.#kept?.watch(changed), this.backend.watchTasks?.(changed)];
    return () => {
      for (const end of ends) end?.();
    };
  }

  /** @throws UNKNOWN_TASK, INVALID_OPTION, INVALID_PAYLOAD, BACKEND_UNAVAILABLE */
  #create(call: EnqueueCall, scope: RequestScope): NamedTask {
    const { definition, options, idempotencyKey, settings, stackTrace } = call;
    const { name } = definition;
    // Another definition of the same name may have another schema.
    if (this.#registry.get(name).definition !== definition) throw new UnknownTaskError(name, true);
    const payload = payloadToSend(definition, call.payload, this.scopes.engine.options.maxPayloadBytes);
    this.backend.checkSettings('enqueue', settings);
    if (call.group && !this.backend.takesGroups) {
      throw new GroupsUnsupportedError(nameOf(this.backend.constructor) ?? 'the backend');
    }
    // In a transaction, the database of the caller tells whether it is there.
    if (!call.isWithin) this.backend.assertReady();
    const { engine } = this.scopes;
    const id = newTaskId(name, idempotencyKey);
    const group = call.group?.members && new TaskGroup(call.group.members as readonly NamedTask[]);
    const ownContext = { ...this.#context(call, scope.origin), ...(group && { group: group.members }) };
    const make = () => {
      const trace = activeTrace(engine);
      const envelope = { v: 1, name, id, payload, context: { ...ownContext, ...(trace && { trace }) } } as const;
      const parts = {
        queue: scope.queue,
        envelope,
        idempotencyKey,
        settings: mergeSettings(definition.settings, settings),
        batch: definition.batch,
        isGrouped: call.group !== undefined,
        group,
        kept: this.#kept,
      };
      // Each attempt gets a copy of its own, because a handler may change its payload.
      const run = () => this.runner.runHandler({ ...envelope, payload: structuredClone(payload) });
      const task = new NamedTask(run, options, scope, parts, stackTrace);
      if (group) task.next = () => group.queueIn(this.scopes);
      if (definition.batch) task.next = () => this.runner.lineOf(envelope);
      return task;
    };
    return traced(engine, (tracing, work) => tracing.enqueue({ id, name }, work), make);
  }

  #context({ definition, options }: EnqueueCall, origin: ScopeOrigin): TaskEnvelopeContext {
    const { captureContext, maxPayloadBytes } = this.scopes.engine.options;
    const { timeoutMs } = options;
    const own = timeoutMs !== undefined && timeoutMs !== definition.options.timeoutMs ? { timeoutMs } : {};
    if (origin.inherited) {
      const { timeoutMs: _ofTheOther, group: _ofItsOwn, ...inherited } = origin.inherited;
      return { ...inherited, ...own };
    }
    const captured = origin.context === undefined ? captureContext?.(origin.request) : origin.context;
    if (captured === undefined) return own;
    // It is refused below, and nobody else has it.
    if (isPromise(captured)) captured.catch(() => undefined);
    const source = origin.context === undefined ? 'What captureContext returned' : 'The context of TaskScopes.run()';
    const what = `${source} for task "${definition.name}"`;
    return { ...own, captured: copyPayload(what, captured, maxPayloadBytes) };
  }

  /** Has the backend take the tasks. What it throws at once is a rejection, too. */
  #handOver(tasks: readonly NamedTask[]): Promise<void> | undefined {
    try {
      const accepting: unknown = this.backend.accept(tasks);
      // In a promise of ours, because another may have a `then` of its own that throws.
      return isThenable(accepting) ? new Promise((resolve) => resolve(accepting as PromiseLike<void>)) : undefined;
    } catch (error) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it was thrown
      return Promise.reject(error);
    }
  }

  async #insert(tasks: readonly NamedTask[], transaction: Transaction): Promise<void> {
    const { backend } = this;
    if (backend.acceptWithin) return backend.acceptWithin(transaction, tasks);
    throw new TransactionsUnsupportedError(`Task "${tasks[0]!.name}"`, nameOf(backend.constructor) ?? 'the backend');
  }

  #findBackend(): TaskBackend {
    const { backend } = this.scopes.engine.options;
    const provided = [...wrappersOf(this.modules)].filter(({ token }) => token === TaskBackend);
    const found = new Set(
      provided.map(({ instance }: { instance: unknown }) =>
        readOption('backend', instance, () => backendRule('backend', instance)),
      ),
    );
    if (backend) found.add(backend);
    if (found.size > 1) {
      throw new InvalidOptionError('backend', found.size, 'Give one: import one module that brings a backend.');
    }
    return [...found][0] ?? new InProcessBackend();
  }
}
