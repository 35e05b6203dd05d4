import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { BackgroundTasksModule, type BackgroundTasksModuleOptions } from '../../src/index.js';
import { RecordedLogs } from './recorded-logs.js';

export interface Platform {
  readonly name: 'Express' | 'Fastify';
  adapter(): AbstractHttpAdapter;
}

/** The table every HTTP behaviour runs on. */
export const platforms: readonly Platform[] = [
  { name: 'Express', adapter: () => new ExpressAdapter() },
  { name: 'Fastify', adapter: () => new FastifyAdapter() },
];

/** HTTP/2 without TLS, which Fastify alone speaks. */
export const http2: Platform = { name: 'Fastify', adapter: () => new FastifyAdapter({ http2: true }) };

export interface AppSettings extends ModuleMetadata {
  readonly options?: BackgroundTasksModuleOptions;
  /** Changes the testing module before it is compiled. */
  readonly override?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
  /** Changes the application before it listens. */
  readonly configure?: (app: INestApplication) => unknown;
}

export interface RunningApp {
  readonly app: INestApplication;
  readonly url: string;
  readonly port: number;
  readonly logs: RecordedLogs;
}

/** Starts a real server on a free port; it is closed when the test ends. */
export async function startApp(
  platform: Platform,
  { options, override, configure, ...metadata }: AppSettings,
): Promise<RunningApp> {
  const builder = Test.createTestingModule({
    ...metadata,
    imports: [BackgroundTasksModule.forRoot(options), ...(metadata.imports ?? [])],
  });
  const module = await (override?.(builder) ?? builder).compile();
  const logs = new RecordedLogs();
  const app = module.createNestApplication(platform.adapter(), { logger: logs });
  await configure?.(app);
  await app.listen(0, '127.0.0.1');
  onTestFinished(() => app.close());
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, url: `http://127.0.0.1:${port}`, port, logs };
}
