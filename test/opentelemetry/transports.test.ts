import { Controller } from '@nestjs/common';
import { Args, Mutation, Resolver } from '@nestjs/graphql';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksModule, Tasks } from '../../src/index.js';
import { MicroservicesBackgroundTasksModule } from '../../src/microservices/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { freePort } from '../support/free-port.js';
import { post, servers, startGraphQL } from '../support/graphql.js';
import { clientOf } from '../support/microservices.js';
import { idsOf, inSpan, Traces } from '../support/traces.js';

function index(): void {
  inSpan('query', () => undefined);
}

describe.each(servers)('B42 the span of a task of GraphQL, $name', (server) => {
  it('is a child of the span of its resolver', async () => {
    @Resolver()
    class Users {
      @Mutation()
      create(@Args('name') name: string, @Tasks() tasks: BackgroundTasks): string {
        inSpan('resolver', () => tasks.addTask(index));
        return name;
      }
    }
    const traces = new Traces();
    const typeDefs = 'type Query { nothing: String } type Mutation { create(name: String!): String! }';
    const options = { tracing: openTelemetryTracing() };
    const running = await startGraphQL(server, typeDefs, { providers: [Users], options });

    const { body } = await post(running, { query: 'mutation { create(name: "ada") }' });

    expect(body.data).toEqual({ create: 'ada' });
    await expectFamily(traces, 'resolver');
  });
});

describe('B42 the span of a task of a message over TCP', () => {
  it('is a child of the span of its handler', async () => {
    @Controller()
    class Users {
      @MessagePattern('create')
      create(@Payload() name: string, @Tasks() tasks: BackgroundTasks): string {
        inSpan('handler', () => tasks.addTask(index));
        return name;
      }
    }
    const traces = new Traces();
    const tracing = openTelemetryTracing();
    const imports = [BackgroundTasksModule.forRoot({ tracing }), MicroservicesBackgroundTasksModule];
    const module = await Test.createTestingModule({ imports, controllers: [Users] }).compile();
    const options = { transport: Transport.TCP as const, options: { host: '127.0.0.1', port: await freePort() } };
    const app = module.createNestMicroservice({ ...options, logger: false });
    await app.listen();
    onTestFinished(() => app.close());

    expect(await clientOf(options).send('create', 'ada')).toEqual(['ada']);
    await expectFamily(traces, 'handler');
  });
});

/** Expects a task in the span of that name, and a query in the task. */
async function expectFamily(traces: Traces, name: string): Promise<void> {
  const [parent, task, query] = [await traces.one(name), await traces.one('index'), await traces.one('query')];
  expect(idsOf(task)).toMatchObject({ traceId: idsOf(parent).traceId, parent: idsOf(parent).spanId });
  expect(idsOf(query).parent).toBe(idsOf(task).spanId);
}
