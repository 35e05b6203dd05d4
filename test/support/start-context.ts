import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { onTestFinished } from 'vitest';
import { BackgroundTasksModule, type BackgroundTasksModuleOptions } from '../../src/index.js';
import { RecordedLogs } from './recorded-logs.js';

export interface RunningContext {
  readonly app: INestApplicationContext;
  readonly logs: RecordedLogs;
}

/** Starts an application without a server; it is closed when the test ends. */
export async function startContext({
  options,
  ...metadata
}: ModuleMetadata & { readonly options?: BackgroundTasksModuleOptions }): Promise<RunningContext> {
  class Root {}
  const logs = new RecordedLogs();
  const module = {
    module: Root,
    ...metadata,
    imports: [BackgroundTasksModule.forRoot(options), ...(metadata.imports ?? [])],
  };
  const app = await NestFactory.createApplicationContext(module, { logger: logs, abortOnError: false });
  onTestFinished(() => app.close());
  return { app, logs };
}
