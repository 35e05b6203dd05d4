import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Settings } from '../settings.js';
import { Collector } from './collector.js';

/** Sends spans to a collector, as for any OpenTelemetry application: nothing in here is special to tasks. */
@Injectable()
export class Tracing implements OnModuleInit, OnApplicationShutdown {
  #collector: Collector | undefined;
  #provider: BasicTracerProvider | undefined;

  constructor(private readonly settings: Settings) {}

  async onModuleInit(): Promise<void> {
    if (!this.settings.collector) this.#collector = await Collector.start();
    const exporter = new OTLPTraceExporter(this.#collector ? { url: this.#collector.url } : {});
    const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 200 });
    this.#provider = new BasicTracerProvider({ spanProcessors: [processor] });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(this.#provider);
  }

  /** Sends what is left. The tasks have ended by now. */
  async onApplicationShutdown(): Promise<void> {
    await this.#provider?.shutdown();
    await this.#collector?.stop();
  }
}
