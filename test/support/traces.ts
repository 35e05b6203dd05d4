import { type MiddlewareConsumer, Module } from '@nestjs/common';
import { context, propagation, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { onTestFinished } from 'vitest';
import { Changes } from './changes.js';

/** The spans that an application has ended, in the order of their ends. */
export class Traces {
  readonly #exporter = new InMemorySpanExporter();
  readonly #changes = new Changes();

  /** Sets OpenTelemetry up as an application does, and takes it down when the test ends. */
  constructor() {
    const processor = new SimpleSpanProcessor(this.#exporter);
    const onEnd = processor.onEnd.bind(processor);
    processor.onEnd = (span) => {
      onEnd(span);
      this.#changes.tell();
    };
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
    propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));
    onTestFinished(() => {
      for (const api of [context, propagation, trace]) api.disable();
    });
  }

  get all(): readonly ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  get names(): string[] {
    return this.all.map(({ name }) => name);
  }

  /** Returns the ended spans of a name, once there are that many. */
  async ended(name: string, count: number): Promise<ReadableSpan[]> {
    const named = () => this.all.filter((span) => span.name === name);
    const what = () => `${count} span(s) "${name}" have ended; those that have are ${this.names.join(', ')}`;
    await this.#changes.until(what, () => named().length >= count || undefined);
    return named();
  }

  /** Returns the first span of a name, once it has ended. */
  async one(name: string): Promise<ReadableSpan> {
    const [span] = await this.ended(name, 1);
    return span!;
  }
}

/** Runs in a span that ends with the call, as instrumentation does. */
export function inSpan<T>(name: string, work: (span: Span) => T): T {
  return trace.getTracer('test').startActiveSpan(name, (span) => {
    try {
      return work(span);
    } finally {
      span.end();
    }
  });
}

/** The ids by which spans are joined. */
export function idsOf(span: ReadableSpan) {
  const { traceId, spanId } = span.spanContext();
  return { traceId, spanId, parent: span.parentSpanContext?.spanId };
}

/** Makes a span of each request, as the instrumentation of a server does. */
@Module({})
export class Instrumentation {
  configure(consumer: MiddlewareConsumer): void {
    const traceEach = (
      _request: unknown,
      response: { on(event: string, listener: () => void): void },
      next: () => void,
    ) => traceRequest(response, next);
    consumer.apply(traceEach).forRoutes('{*path}');
  }
}

function traceRequest(response: { on(event: string, listener: () => void): void }, next: () => void): void {
  trace.getTracer('test').startActiveSpan('request', (span) => {
    response.on('finish', () => span.end());
    next();
  });
}
