import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
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
  /** Whether it listens on a port. @default true */
  readonly isListening?: boolean;
  /** Whether NestFactory makes it, for modules that look for the adapter before a testing module has one. */
  readonly isMadeByFactory?: boolean;
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
  { options, override, configure, isListening = true, isMadeByFactory, ...metadata }: AppSettings,
): Promise<RunningApp> {
  const root = { ...metadata, imports: [BackgroundTasksModule.forRoot(options), ...(metadata.imports ?? [])] };
  const logs = new RecordedLogs();
  const app = isMadeByFactory
    ? await NestFactory.create({ module: Root, ...root }, platform.adapter(), { logger: logs })
    : await createTestingApp(platform, root, logs, override);
  await configure?.(app);
  await (isListening ? app.listen(0, '127.0.0.1') : app.init());
  onTestFinished(() => app.close());
  const { port } = ((app.getHttpServer() as Server).address() ?? { port: 0 }) as AddressInfo;
  return { app, url: `http://127.0.0.1:${port}`, port, logs };
}

async function createTestingApp(
  platform: Platform,
  root: ModuleMetadata,
  logger: RecordedLogs,
  override: AppSettings['override'],
): Promise<INestApplication> {
  const builder = Test.createTestingModule(root);
  const module = await (override?.(builder) ?? builder).compile();
  return module.createNestApplication(platform.adapter(), { logger });
}

class Root {}
