import type { Context, Span } from '@opentelemetry/api';
import type { ObservedBatch, ObservedScope, ObservedTask, TaskEvents } from '../contracts/task-events.js';
import type { TaskTracing } from '../contracts/task-tracing.js';
import { api } from './load-api.js';
import { exceptionOf, spanOfBatch, spanOfEnqueue, spanOfTask } from './span-of-task.js';

const { context, propagation, SpanStatusCode, trace } = api;

/**
 * Returns a value for the `tracing` option. Each task has a span in the trace in which it was added, and runs in it. A
 * named task takes the trace along, with its baggage, to the process in which it runs. It uses the tracer provider, the
 * context manager and the propagator that the application has registered, and does nothing without them.
 */
export function openTelemetryTracing(): TaskTracing {
  return new OpenTelemetryTracing();
}

class OpenTelemetryTracing implements TaskTracing {
  readonly #added = new WeakMap<ObservedTask, Added>();
  /** The span of each task that has started. All its attempts in this process are parts of it. */
  readonly #spans = new WeakMap<ObservedTask, Span>();

  /** The span of each batch that runs, by its id. */
  readonly #batches = new Map<string, Span>();

  enqueue(task: Pick<ObservedTask, 'id' | 'name'>, work: () => void): void {
    const { name, options } = spanOfEnqueue(task);
    const span = tracer().startSpan(name, options);
    context.with(trace.setSpan(context.active(), span), work);
    span.end();
  }

  inject() {
    const headers: Record<string, string> = {};
    // A custom propagator may set anything, and a worker takes only strings.
    propagation.inject(context.active(), headers, {
      set: (all, key, value: unknown) => void (all[key] = String(value)),
    });
    return Object.keys(headers).length > 0 ? headers : undefined;
  }

  extract(headers: Readonly<Record<string, string>>, work: () => void): void {
    context.with(propagation.extract(context.active(), headers), work);
  }

  run(task: ObservedTask, work: () => void): void {
    const parent = context.active();
    let span = this.#spans.get(task);
    if (!span) this.#spans.set(task, (span = startSpan(task, parent)));
    context.with(trace.setSpan(parent, span), work);
  }

  /** A span of a trace of its own, with a link to the span of each task. */
  batch({ id, name: task }: ObservedBatch, tasks: readonly ObservedTask[], work: () => void): void {
    const links = tasks
      .flatMap((each) => this.#spans.get(each)?.spanContext() ?? [])
      .map((each) => ({ context: each }));
    const { name, options } = spanOfBatch(id, task, tasks.length);
    const span = tracer().startSpan(name, { ...options, links, root: true });
    this.#batches.set(id, span);
    context.with(trace.setSpan(context.active(), span), work);
  }

  handlerEnded(event: TaskEvents['handlerEnded']): void {
    const span = 'error' in event ? this.#batches.get(handledBy(event.scope)) : undefined;
    if (span) setError(span, event.error);
  }

  scopeClosed({ scope }: TaskEvents['scopeClosed']): void {
    const id = handledBy(scope);
    this.#batches.get(id)?.end();
    this.#batches.delete(id);
  }

  traceId(task?: ObservedTask): string | undefined {
    const parent = task ? this.#added.get(task)?.parent : context.active();
    const span = (task && this.#spans.get(task)) ?? (parent && trace.getSpan(parent));
    const ids = span?.spanContext();
    return ids && trace.isSpanContextValid(ids) ? ids.traceId : undefined;
  }

  taskAccepted({ at, task }: TaskEvents['taskAccepted']): void {
    this.#added.set(task, { at, parent: context.active() });
  }

  taskRetried({ task, attempt, state, error, delayMs }: TaskEvents['taskRetried']): void {
    const span = this.#spans.get(task);
    span?.recordException(exceptionOf(error));
    span?.addEvent('background_task.retry', {
      'background_task.attempt': attempt,
      'background_task.state': state,
      'background_task.delay_ms': delayMs,
    });
  }

  taskSettled({ task, report, reason, isRetried }: TaskEvents['taskSettled']): void {
    const { state, attempts, error } = report;
    // The process that runs it makes its span.
    if (state === 'enqueued') return;
    const added = this.#added.get(task);
    let span = this.#spans.get(task);
    if (!span) this.#spans.set(task, (span = startSpan(task, added?.parent ?? context.active(), added?.at)));
    span.setAttributes({
      'background_task.state': state,
      'background_task.attempts': attempts,
      ...(reason && { 'background_task.reason': reason }),
      ...(isRetried && { 'background_task.is_retried': true }),
    });
    if (state === 'failed' || state === 'timed-out') {
      setError(span, error);
    } else if (state === 'abandoned') {
      span.setAttribute('error.type', state);
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'The application shut down first.' });
    }
    span.end();
  }
}

/** The id of the task or batch that a handler runs for. A unit of work that the handler begins is no such run. */
function handledBy({ kind, parent }: ObservedScope): string {
  return (kind === 'task' ? parent?.taskId : undefined) ?? '';
}

function setError(span: Span, error: unknown): void {
  const exception = exceptionOf(error);
  span.recordException(exception);
  span.setAttribute('error.type', exception.name);
  span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
}

/** Moment and trace in which a task was added. */
interface Added {
  readonly at: number;
  readonly parent: Context;
}

/**
 * Starts the span of a task as a child of the one that was active where it was added, even if that has ended. A named
 * task has a link to it as well, as the conventions for messaging ask.
 */
function startSpan(task: ObservedTask, parent: Context, startTime?: number): Span {
  const { name, options } = spanOfTask(task);
  const creation = task.isNamed ? trace.getSpanContext(parent) : undefined;
  const links = creation ? [{ context: creation }] : [];
  return tracer().startSpan(name, { ...options, links, ...(startTime !== undefined && { startTime }) }, parent);
}

/** Asked for each time: an application may register its provider late. */
function tracer() {
  return trace.getTracer('nestjs-background-tasks');
}
