import { ModuleRef } from '@nestjs/core';
import type { NamedTaskAttempt, NamedTaskResult, NamedTaskRunner } from '../contracts/task-backend.js';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import type { TaskAttempt } from '../execution/task-attempt.js';
import { promiseOfResult } from '../execution/task-result.js';
import { traced } from '../execution/traced.js';
import { resolveInContext } from '../nest/injector.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { RequestScopes } from '../scope/request-scopes.js';
import { contextOf, currentParent } from '../scope/scope-events.js';
import { attachScopeSource, createContext, sourceOf } from '../scope/scope-source.js';
import { runUnit } from '../scope/unit-of-work.js';
import { asyncContext } from '../tasks/async-context.js';
import { NamedTask } from './named-task.js';
import { checkPayload } from './payload.js';
import type { TaskHandlerClass } from './task-handler.decorator.js';
import type { TaskRegistry } from './task-registry.js';

/** Runs the handlers of named tasks, each time as a unit of work of its own. */
export class HandlerRunner implements NamedTaskRunner {
  constructor(
    private readonly scopes: RequestScopes,
    private readonly registry: TaskRegistry,
  ) {}

  get names(): ReadonlySet<string> {
    return this.registry.names;
  }

  /** Runs a job as a task in the queue of all jobs: its limits, counts and reports are those of any task. */
  async run(envelope: TaskEnvelope, attempt: NamedTaskAttempt): Promise<NamedTaskResult> {
    const { engine, jobs } = this.scopes;
    const { options } = this.registry.get(envelope.name).definition;
    const begin = () => {
      const job = this.#jobOf(envelope, attempt, options);
      jobs.add(job);
      return job;
    };
    const { trace } = envelope.context;
    // A task runs in the async context that it was made in.
    const job = trace ? traced(engine, (tracing, work) => tracing.extract(trace, work), begin) : begin();
    jobs.drain({ succeeded: true, aborted: false }, () => this.scopes.closed());
    const report = await job.settled;
    return { report, interruptedByShutdown: report.state !== 'succeeded' && engine.isAborting };
  }

  /** Runs the handler of a task. Called within the task. */
  runHandler(envelope: TaskEnvelope): Promise<unknown> {
    const { definition, handler } = this.registry.get(envelope.name);
    const attempt = asyncContext.getStore()!.task as TaskAttempt;
    const { limitsInHandler } = this.scopes.engine;
    const begunIn = this.scopes.engine.events.scopeOpened.isHeard ? currentParent() : undefined;
    const scope = this.scopes.create(
      {
        kind: 'task',
        title: `task "${envelope.name}"`,
        begunIn,
        description: `task "${envelope.name}" (id ${envelope.id})`,
        request: attempt,
        canDelayResponse: false,
        inherited: envelope.context,
      },
      limitsInHandler,
    );
    attachScopeSource(attempt, sourceOf(scope));
    const work = async () => {
      const payload = checkPayload(definition, envelope.payload);
      const instance: unknown = handler.isDependencyTreeStatic()
        ? handler.instance
        : await resolveInContext(
            handler,
            createContext(
              attempt,
              scope,
              handler.host!.getProviderByKey(ModuleRef).instance,
              handler.isDependencyTreeDurable(),
            ),
          );
      await promiseOfResult((instance as TaskHandlerClass<unknown>).run(payload), attempt);
    };
    const context = contextOf(scope, scope.tasks, attempt);
    // Resources of a handler that never settles are released when its time is up.
    return runUnit(scope, () => Promise.race([asyncContext.run(context, work), attempt.givenUp]));
  }

  #jobOf(
    envelope: TaskEnvelope,
    { number, progressed, willRetry }: NamedTaskAttempt,
    defined: CheckedTaskOptions,
  ): NamedTask {
    const timeoutMs = envelope.context.timeoutMs ?? defined.timeoutMs;
    // Further attempts are the backend's: not even the module's own default makes one here.
    const options = { retry: ONE_ATTEMPT, ...(timeoutMs !== undefined && { timeoutMs }) };
    const origin = { cancel: () => false, hasFailed: false, chainLength: 0 };
    const parts = { queue: this.scopes.jobs, envelope, idempotencyKey: undefined, settings: {} };
    const job = new NamedTask(() => this.runHandler(envelope), options, origin, parts);
    return Object.assign(job, { stage: 'ready' as const, attempts: number - 1, progressed, willRetry });
  }
}

const ONE_ATTEMPT = Object.freeze({ attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 });
