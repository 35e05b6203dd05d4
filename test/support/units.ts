import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { onTestFinished } from 'vitest';
import {
  type BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksModule,
  type BackgroundTasksModuleOptions,
  TaskScopes,
} from '../../src/index.js';
import { RecordedLogs } from './recorded-logs.js';

/** An application without a server: its work is what `TaskScopes.run` is given. */
export interface Units {
  readonly app: INestApplicationContext;
  readonly scopes: TaskScopes;
  readonly host: BackgroundTasksHost;
  readonly logs: RecordedLogs;
  /** Runs one unit of work to its end: `add` adds the tasks. */
  readonly run: <T>(add: (tasks: BackgroundTasks) => T | Promise<T>) => Promise<T>;
}

/** Starts the application; it is closed when the test ends. */
export async function startUnits(options?: BackgroundTasksModuleOptions, metadata?: ModuleMetadata): Promise<Units> {
  const units = await createUnits(options, metadata);
  onTestFinished(() => units.app.close());
  return units;
}

/** Starts the application; whoever calls this closes it. */
export async function createUnits(
  options?: BackgroundTasksModuleOptions,
  metadata: ModuleMetadata = {},
): Promise<Units> {
  const logs = new RecordedLogs();
  const app = await Test.createTestingModule({
    ...metadata,
    imports: [BackgroundTasksModule.forRoot(options), ...(metadata.imports ?? [])],
  })
    .setLogger(logs)
    .compile();
  await app.init();
  const scopes = app.get(TaskScopes);
  return { app, scopes, host: app.get(BackgroundTasksHost), logs, run: (add) => scopes.run(({ tasks }) => add(tasks)) };
}
