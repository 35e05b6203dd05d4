import type { DynamicModule } from '@nestjs/common';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BackgroundTasksInspectorModule } from 'nestjs-background-tasks/inspector';
import { openTelemetryTracing } from 'nestjs-background-tasks/opentelemetry';
import { BackgroundTasksMetricsModule } from 'nestjs-background-tasks/prometheus';

/** The events are made, and nobody does anything with them. */
export function byNothing(): DynamicModule[] {
  return [BackgroundTasksModule.forRoot({ observers: [{}] })];
}

export function byInspector(): DynamicModule[] {
  return [BackgroundTasksModule.forRoot(), BackgroundTasksInspectorModule.forRoot({ unsafe: 'loopback-only' })];
}

export function byPrometheus(): DynamicModule[] {
  return [BackgroundTasksModule.forRoot(), BackgroundTasksMetricsModule.forRoot()];
}

/** With the SDK, which makes each span, and without an exporter. */
export function byOpenTelemetry(): DynamicModule[] {
  if (process.argv.includes('OpenTelemetry, 1 task')) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new BasicTracerProvider());
  }
  return [BackgroundTasksModule.forRoot({ tracing: openTelemetryTracing() })];
}
