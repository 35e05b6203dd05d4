import type { ModuleRef } from '@nestjs/core';
import type { TaskEnvelope } from '../contracts/task-envelope.js';
import { awaited } from '../execution/awaited.js';
import type { TaskAttempt } from '../execution/task-attempt.js';
import { resolveInContext } from '../nest/injector.js';
import { ambient } from '../tasks/ambient.js';
import type { HandlerCaller } from '../tasks/named-tasks.js';
import { checkPayload } from '../tasks/payload.js';
import { QueuedTask } from '../tasks/queued-task.js';
import type { NamedTaskAttempt, NamedTaskResult, NamedTaskRunner } from '../tasks/task-backend.js';
import type { TaskRuns } from '../tasks/task-handler.decorator.js';
import { HandlerContext } from './handler-context.js';
import { createContext } from './injector-context.js';
import type { RequestScopes } from './request-scopes.js';
import { attachScopeSource } from './scope-source.js';
import { runUnit } from './unit-of-work.js';

/** Runs the handlers of named tasks, each time as a unit of work of its own. */
export class HandlerRuns implements HandlerCaller, NamedTaskRunner {
  constructor(
    private readonly scopes: RequestScopes,
    private readonly moduleRef: ModuleRef,
  ) {}

  isKnown(name: string): boolean {
    return this.scopes.named.registry.has(name);
  }

  /** The backend's task is the only one of a unit that exists for its sake: its limits, counts and reports are any task's. */
  async run(envelope: TaskEnvelope, { number, progressed }: NamedTaskAttempt): Promise<NamedTaskResult> {
    const { engine, named } = this.scopes;
    const { definition } = named.registry.get(envelope.name);
    const timeoutMs = envelope.context.timeoutMs ?? definition.options.timeoutMs;
    const scope = this.scopes.create({ canHold: false, request: undefined });
    const carrier = { id: envelope.id, earlierAttempts: number - 1, progressed };
    const call = { fn: () => this.call(envelope), target: undefined, args: [], name: envelope.name };
    // Further attempts are the backend's: not even the module's own default makes one here.
    const options = { runOn: 'always' as const, retry: ONE_ATTEMPT, ...(timeoutMs !== undefined && { timeoutMs }) };
    // It keeps the async context that it is made in.
    const makeTask = () => new QueuedTask(call, options, false, 0, undefined, scope, carrier);
    const { trace } = envelope.context;
    const task = trace && named.traces ? named.traces.within(trace, makeTask) : makeTask();
    scope.queue.add(task);
    scope.end({ aborted: false });
    const report = await task.settled;
    return { report, isStopped: report.state !== 'succeeded' && engine.isStopping };
  }

  /** Called within the task that runs it. */
  async call(envelope: TaskEnvelope): Promise<unknown> {
    const { engine, named } = this.scopes;
    const { definition, handler } = named.registry.get(envelope.name);
    const attempt = ambient.get()!.task as TaskAttempt;
    const context = new HandlerContext(attempt, envelope.context.captured);
    const origin = { canHold: false, request: context, carried: envelope.context };
    const scope = (context.scope = this.scopes.create(origin, engine.innerSlots));
    attachScopeSource(context, { openScope: () => scope });
    const work = async () => {
      const payload = checkPayload(definition, envelope.payload);
      const instance: unknown = handler.isDependencyTreeStatic()
        ? handler.instance
        : await resolveInContext(handler, createContext(context, scope, this.moduleRef));
      await ambient.runTask(context, () => awaited((instance as TaskRuns<unknown>).run(payload)));
    };
    // What a handler holds that never settles is disposed of when its time is up.
    return runUnit(scope, () => Promise.race([work(), attempt.givenUp]));
  }
}

const ONE_ATTEMPT = Object.freeze({ attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 });
