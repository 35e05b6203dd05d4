import { Controller, Get, Req } from '@nestjs/common';
import { Args, Mutation, Parent, Query, ResolveField, Resolver, Subscription } from '@nestjs/graphql';
import { createClient, type Client } from 'graphql-ws';
import { EventEmitter, on } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { BackgroundTasks, BackgroundTasksRef, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { type Result, servers, startGraphQL } from '../support/graphql.js';
import { recordedResource } from '../support/recorded-resource.js';
import { useTimeline } from '../support/timeline.js';
import { expectNothingLeft } from '../support/transport-suite.js';

const typeDefs = `
  type Price { value: Int!, text: String }
  type Query { ok: Boolean }
  type Mutation { pay(name: String!): String }
  type Subscription { prices: Price }
`;

/** How a driver is told to serve WebSockets by the protocol of graphql-ws. */
const options = {
  'Apollo on Express': { subscriptions: { 'graphql-ws': true } },
  'Apollo on Fastify': { subscriptions: { 'graphql-ws': true } },
  'Mercurius on Fastify': { subscription: { fullWsTransport: true } },
};

describe.each(servers)('B11 GraphQL over a WebSocket, with $name', (server) => {
  const timeline = useTimeline();

  it('makes each call of a resolver a unit of work, for a subscription and each of its events', async () => {
    const prices = new EventEmitter();
    @Resolver('Price')
    class Prices {
      constructor(private readonly ref: BackgroundTasksRef) {}

      @Query('ok')
      ok() {
        return true;
      }

      @Subscription('prices')
      prices(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.note('subscribed'));
        return payloads(prices);
      }

      @ResolveField('text')
      text(@Parent() { value }: { value: number }, @Tasks() tasks: BackgroundTasks, @Resource('db') _db: unknown) {
        tasks.addTask(() => timeline.note(`showed ${value}`));
        this.ref.current.addTask(() => timeline.note(`again ${value}`));
        return `${value} €`;
      }
    }
    const running = await startGraphQL(
      server,
      typeDefs,
      { providers: [Prices, recordedResource(timeline, { provide: 'db' })] },
      options[server.name as keyof typeof options],
    );
    const received = subscribe(clientOf(running.url), 'subscription { prices { text } }', 2);
    await timeline.until('subscribed');

    prices.emit('price', { prices: { value: 1 } });
    await timeline.until('db released');
    prices.emit('price', { prices: { value: 2 } });

    expect(await received).toEqual([{ data: { prices: { text: '1 €' } } }, { data: { prices: { text: '2 €' } } }]);
    await settled(running.app);
    expect(timeline.events).toEqual([
      'subscribed',
      'db opened',
      'showed 1',
      'again 1',
      'db committed',
      'db released',
      'db opened',
      'showed 2',
      'again 2',
      'db committed',
      'db released',
    ]);
    expectNothingLeft(running);
  });

  it('is a unit of work, also where the parent of a field is an HTTP request that is over', async () => {
    const prices = new EventEmitter();
    const requests: { readonly raw?: object }[] = [];
    @Controller()
    class Routes {
      @Get()
      get(@Req() request: { readonly raw?: object }) {
        requests.push(request);
      }
    }
    @Resolver('Price')
    class Prices {
      @Query('ok')
      ok() {
        return true;
      }

      @Subscription('prices')
      prices(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(timeline.note, 'subscribed');
        return payloads(prices);
      }

      @ResolveField('text')
      text(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(timeline.note, 'task of the field');
        return 'text';
      }
    }
    const running = await startGraphQL(
      server,
      typeDefs,
      { providers: [Prices], controllers: [Routes] },
      options[server.name as keyof typeof options],
    );
    await fetchText(running.url);
    const received = subscribe(clientOf(running.url), 'subscription { prices { text } }', 1);
    await timeline.until('subscribed');

    const [request] = requests;
    prices.emit('price', { prices: request!.raw ?? request });

    expect(await received).toEqual([{ data: { prices: { text: 'text' } } }]);
    await settled(running.app);
    expect(timeline.events).toEqual(['subscribed', 'task of the field']);
  });

  it('runs the tasks of a mutation, and throws its error into its resources', async () => {
    @Resolver('Mutation')
    class Payments {
      @Mutation('pay')
      async pay(@Args('name') name: string, @Tasks() tasks: BackgroundTasks, @Resource('db') _db: unknown) {
        tasks.addTask(() => timeline.note(`paid ${name}`));
        if (name === 'nobody') throw new Error('no money');
        return name;
      }
    }
    const running = await startGraphQL(
      server,
      typeDefs,
      { providers: [Payments, recordedResource(timeline, { provide: 'db' })] },
      options[server.name as keyof typeof options],
    );
    const client = clientOf(running.url);

    expect(await subscribe(client, 'mutation { pay(name: "Ada") }', 1)).toEqual([{ data: { pay: 'Ada' } }]);
    const [failed] = await subscribe(client, 'mutation { pay(name: "nobody") }', 1);
    await settled(running.app);

    expect(failed!.errors![0]!.message).toBe('no money');
    expect(timeline.events).toEqual([
      'db opened',
      'paid Ada',
      'db committed',
      'db released',
      'db opened',
      'db rolled back: no money',
      'db released',
    ]);
  });
});

async function* payloads(emitter: EventEmitter) {
  for await (const [payload] of on(emitter, 'price')) yield payload as unknown;
}

function clientOf(url: string): Client {
  const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
  onTestFinished(() => client.dispose());
  return client;
}

/** Resolves with the first results of an operation. */
async function subscribe(client: Client, query: string, count: number): Promise<Result[]> {
  const results: Result[] = [];
  for await (const result of client.iterate({ query })) {
    results.push(JSON.parse(JSON.stringify(result)) as Result);
    if (results.length === count) break;
  }
  return results;
}
