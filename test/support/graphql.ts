import { ApolloDriver } from '@nestjs/apollo';
import type { DynamicModule, Type } from '@nestjs/common';
import { type GqlModuleOptions, GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import { GraphQLScalarType } from 'graphql';
import { GraphQLBackgroundTasksModule } from '../../src/graphql/index.js';
import { type AppSettings, type Platform, platforms, type RunningApp, startApp } from './platforms.js';

/** A driver of `@nestjs/graphql`, on a platform. */
export interface GraphQLServer {
  readonly name: string;
  readonly platform: Platform;
  /** Returns its module for a schema. */
  module(typeDefs: string, options?: object): DynamicModule;
}

const [express, fastify] = platforms as [Platform, Platform];

/** The table every behaviour of GraphQL runs on. */
export const servers: readonly GraphQLServer[] = [
  { name: 'Apollo on Express', platform: express, module: apollo },
  { name: 'Apollo on Fastify', platform: fastify, module: apollo },
  {
    name: 'Mercurius on Fastify',
    platform: fastify,
    module: (typeDefs, options) =>
      GraphQLModule.forRoot({
        ...schema(MercuriusDriver, typeDefs),
        allowBatchedQueries: true,
        ...options,
      } as GqlModuleOptions),
  },
];

function apollo(typeDefs: string, options?: object): DynamicModule {
  return GraphQLModule.forRoot({
    ...schema(ApolloDriver, typeDefs),
    allowBatchedHttpRequests: true,
    includeStacktraceInErrorResponses: false,
    ...options,
  } as GqlModuleOptions);
}

/** A scalar that holds any JSON. */
export const json = 'scalar Json\n';

function schema(driver: Type, typeDefs: string) {
  return { driver, typeDefs: json + typeDefs, resolvers: { Json: new GraphQLScalarType({ name: 'Json' }) } };
}

/** Starts an application with resolvers. */
export function startGraphQL(
  server: GraphQLServer,
  typeDefs: string,
  { imports = [], ...settings }: AppSettings,
  options?: object,
): Promise<RunningApp> {
  return startApp(server.platform, {
    ...settings,
    imports: [GraphQLBackgroundTasksModule, server.module(typeDefs, options), ...imports],
  });
}

/** The result of an operation. */
export interface Result {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

export interface Operation {
  readonly query: string;
  readonly variables?: object;
}

/** Sends an operation. */
export function post(running: Pick<RunningApp, 'url'>, operation: Operation, signal?: AbortSignal) {
  return send(running, operation, signal) as Promise<{ readonly status: number; readonly body: Result }>;
}

/** Sends several operations in one request. */
export function postBatch(running: Pick<RunningApp, 'url'>, ...queries: readonly string[]) {
  const operations = queries.map((query) => ({ query }));
  return send(running, operations) as Promise<{ readonly status: number; readonly body: readonly Result[] }>;
}

async function send({ url }: Pick<RunningApp, 'url'>, body: object, signal?: AbortSignal) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  return { status: response.status, body: await response.json() };
}
