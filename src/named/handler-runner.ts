import { ModuleRef } from '@nestjs/core';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { BatchOptions } from '../contracts/batch-options.js';
import type { NamedTaskAttempt, NamedTaskResult, NamedTaskRunner } from '../contracts/task-backend.js';
import type { TaskContext } from '../contracts/task-context.js';
import type { TaskTracing } from '../contracts/task-tracing.js';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { BatchError } from '../errors/named-task-errors.js';
import { isInstance } from '../errors/safely.js';
import type { TaskAttempt } from '../execution/task-attempt.js';
import { promiseOfResult } from '../execution/task-result.js';
import { traced } from '../execution/traced.js';
import { observedTask } from '../observation/observed-task.js';
import { resolveInContext } from '../nest/injector.js';
import type { RequestScopes } from '../scope/request-scopes.js';
import { contextOf, currentParent } from '../scope/scope-events.js';
import { attachScopeSource, createContext, type ScopeOrigin, sourceOf } from '../scope/scope-source.js';
import { runUnit } from '../scope/unit-of-work.js';
import { asyncContext } from '../tasks/async-context.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import type { BatchLine } from './batch-line.js';
import { BatchLines } from './batch-lines.js';
import type { Batch } from './batch.js';
import { NamedTask } from './named-task.js';
import { checkPayload } from './payload.js';
import { reportedValue } from './reported-value.js';
import type { BatchHandlerClass, TaskHandlerClass } from './task-handler.decorator.js';
import type { RegisteredTask, TaskRegistry } from './task-registry.js';

/** Runs the handlers of named tasks, each time as a unit of work of its own. */
export class HandlerRunner implements NamedTaskRunner {
  readonly #lines: BatchLines;
  /** The tasks that a backend has this process run, by their ids. */
  readonly #jobs = new Map<string, NamedTask>();
  /** Calls back in no request, task or trace: a batch belongs to none. */
  readonly #outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly scopes: RequestScopes,
    private readonly registry: TaskRegistry,
  ) {
    this.#lines = new BatchLines(scopes, (task, batch) => {
      const run = () => this.#runBatch(task, batch);
      const { tracing } = scopes.engine.options;
      if (!tracing?.batch) return this.#outside(run);
      const tasks = batch.attempts.map(({ queued }) => observedTask(queued));
      const wrap = (own: TaskTracing, work: () => void) => own.batch!(batch, tasks, work);
      return this.#outside(() => traced(scopes.engine, wrap, run));
    });
  }

  get names(): ReadonlySet<string> {
    return this.registry.names;
  }

  get batches(): ReadonlyMap<string, BatchOptions> {
    return this.registry.batches;
  }

  /** Runs a job as a task in the queue of all jobs: its limits, counts and reports are those of any task. */
  async run(envelope: TaskEnvelope, attempt: NamedTaskAttempt): Promise<NamedTaskResult> {
    const { engine, jobs } = this.scopes;
    const { definition } = this.registry.get(envelope.name);
    const begin = () => {
      const job = this.#jobOf(envelope, attempt, definition);
      if (definition.batch) engine.ledger.accept(job, this.scopes);
      else jobs.add(job);
      return job;
    };
    const { trace } = envelope.context;
    // A task runs in the async context that it was made in.
    const job = trace ? traced(engine, (tracing, work) => tracing.extract(trace, work), begin) : begin();
    if (definition.batch) this.lineOf(envelope).takeOver(job);
    else jobs.drain({ succeeded: true, aborted: false }, () => this.scopes.closed());
    this.#jobs.set(job.id, job);
    const report = await job.settled;
    this.#jobs.delete(job.id);
    const isCut = report.state !== 'succeeded' && report.state !== 'cancelled';
    return { report, result: job.result, interruptedByShutdown: isCut && engine.isAborting };
  }

  /** Ends a task that waits here, for a permit or for its batch. */
  cancel(id: string): void {
    const job = this.#jobs.get(id);
    if (!job || job.isSettled) return;
    if (job.run) job.run.cancel();
    else (job.batch ? this.lineOf(job.envelope) : this.scopes.jobs).cancel(job);
  }

  /** The line in which a task waits for its batch. */
  lineOf(envelope: TaskEnvelope): BatchLine {
    return this.#lines.of(this.registry.get(envelope.name), envelope);
  }

  /** Has the batches begin that wait for more tasks: a test knows that there are none. */
  beginBatches(): void {
    this.#lines.begin();
  }

  /** Has the batches begin that wait for more tasks: the application shuts down. */
  flush(): void {
    this.#lines.flush();
  }

  /** Runs the handler of a task, alone or in the batch that begins. Called within the task. */
  runHandler(envelope: TaskEnvelope): Promise<unknown> {
    const task = this.registry.get(envelope.name);
    const { name, batch } = task.definition;
    const attempt = asyncContext.getStore()!.task as TaskAttempt;
    if (batch) return this.lineOf(envelope).join(attempt, checkPayload(task.definition, envelope.payload));
    const begunIn = this.scopes.engine.events.scopeOpened.isHeard ? currentParent() : undefined;
    const origin = {
      title: `task "${name}"`,
      begunIn,
      description: `task "${name}" (id ${envelope.id})`,
      inherited: envelope.context,
    };
    return this.#runUnit(task, attempt, origin, async (build) => {
      const payload = checkPayload(task.definition, envelope.payload);
      const handler = (await build()) as TaskHandlerClass<unknown>;
      const returned = handler.run(payload);
      const pending = promiseOfResult(returned, attempt);
      this.#keepResult(attempt.queued as NamedTask, pending ? await pending : returned);
    });
  }

  /** Keeps what a handler returned, for the report. One that cannot be kept fails nothing. */
  #keepResult(task: NamedTask, returned: unknown): void {
    if (returned === undefined || !task.keepsResult) return;
    const { log, options } = this.scopes.engine;
    const result = reportedValue(returned, options.maxPayloadBytes);
    if (result.problem === undefined) task.result = result.value;
    else log.resultNotKept(task.name, result.problem);
  }

  /** Runs the handler of a batch, and ends the attempts. Never rejects. */
  async #runBatch(task: RegisteredTask, batch: Batch): Promise<void> {
    const { name, id, size, context } = batch;
    const origin = {
      title: `batch "${name}"`,
      begunIn: { taskId: id },
      description: `a batch of ${size} task(s) "${name}" (id ${id})`,
      inherited: context === undefined ? {} : { captured: context },
    };
    try {
      let failure: BatchError | undefined;
      await this.#runUnit(task, batch, origin, async (build) => {
        batch.abortHere();
        const handler = (await build()) as BatchHandlerClass<unknown>;
        try {
          await promiseOfResult(handler.runBatch(batch.payloads), batch);
        } catch (error) {
          // What the handler did for the others is kept.
          if (!isInstance(error, BatchError) || !batch.hasAll(error.failures)) throw error;
          failure = error;
        }
      });
      batch.end(failure);
    } catch (error) {
      batch.fail(error);
    }
  }

  /** Gives the run of a handler a scope of its own, for which `build` builds the handler. */
  #runUnit(
    { handler }: RegisteredTask,
    context: TaskContext & { readonly givenUp: Promise<never> },
    origin: Pick<ScopeOrigin, 'title' | 'begunIn' | 'description' | 'inherited'>,
    work: (build: () => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const scope = this.scopes.create(
      { ...origin, kind: 'task', request: context, canDelayResponse: false },
      this.scopes.engine.limitsInHandler,
    );
    attachScopeSource(context, sourceOf(scope));
    const build = async (): Promise<unknown> => {
      if (handler.isDependencyTreeStatic()) return handler.instance;
      const moduleRef = handler.host!.getProviderByKey(ModuleRef).instance;
      return resolveInContext(handler, createContext(context, scope, moduleRef, handler.isDependencyTreeDurable()));
    };
    const inContext = contextOf(scope, scope.tasks, context);
    // Resources of a handler that never settles are released when its time is up.
    return runUnit(scope, () => Promise.race([asyncContext.run(inContext, work, build), context.givenUp]));
  }

  #jobOf(
    envelope: TaskEnvelope,
    { number, progressed, willRetry, group }: NamedTaskAttempt,
    definition: TaskDefinition,
  ): NamedTask {
    const timeoutMs = envelope.context.timeoutMs ?? definition.options.timeoutMs;
    // Further attempts are the backend's: not even the module's own default makes one here.
    const options = { retry: ONE_ATTEMPT, ...(timeoutMs !== undefined && { timeoutMs }) };
    const origin = { cancel: () => false, hasFailed: false, chainLength: 0 };
    const parts = {
      queue: this.scopes.jobs,
      envelope,
      idempotencyKey: undefined,
      settings: {},
      batch: definition.batch,
      groupEnds: group,
    };
    const job = new NamedTask(() => this.runHandler(envelope), options, origin, parts);
    return Object.assign(job, {
      stage: 'ready' as const,
      keepsResult: true,
      attempts: number - 1,
      progressed,
      willRetry,
    });
  }
}

const ONE_ATTEMPT = Object.freeze({ attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 });
