import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { onTestFinished } from 'vitest';
import {
  type BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksModule,
  type BackgroundTasksModuleOptions,
  TaskScopes,
} from '../../src/index.js';
import { RecordedLogs } from './recorded-logs.js';

export interface ContextSettings extends ModuleMetadata {
  readonly options?: BackgroundTasksModuleOptions;
}

/** An application without a server: its work is what `TaskScopes.run` is given. */
export interface RunningContext {
  readonly app: INestApplicationContext;
  readonly scopes: TaskScopes;
  readonly host: BackgroundTasksHost;
  readonly logs: RecordedLogs;
  /** Runs one unit of work to its end: `add` adds the tasks. */
  readonly run: <T>(add: (tasks: BackgroundTasks) => T | Promise<T>) => Promise<T>;
}

/** Starts an application without a server; it is closed when the test ends. */
export async function startContext(settings?: ContextSettings): Promise<RunningContext> {
  const running = await createContext(settings);
  onTestFinished(() => running.app.close());
  return running;
}

/** Starts an application without a server; the caller closes it. */
export async function createContext({ options, ...metadata }: ContextSettings = {}): Promise<RunningContext> {
  class Root {}
  const logs = new RecordedLogs();
  const module = {
    module: Root,
    ...metadata,
    imports: [BackgroundTasksModule.forRoot(options), ...(metadata.imports ?? [])],
  };
  const app = await NestFactory.createApplicationContext(module, { logger: logs, abortOnError: false });
  const scopes = app.get(TaskScopes);
  return { app, scopes, host: app.get(BackgroundTasksHost), logs, run: (add) => scopes.run(({ tasks }) => add(tasks)) };
}
