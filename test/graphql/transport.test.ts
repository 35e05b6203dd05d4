import { Args, Mutation, Resolver } from '@nestjs/graphql';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { noticed } from '../support/gateways.js';
import { type GraphQLServer, post, servers, startGraphQL } from '../support/graphql.js';
import { describeTransport, type Transport } from '../support/transport-suite.js';

const mutations = ['handle', 'first', 'second'].map((name) => `${name}(data: Json): Json`).join(' ');
const typeDefs = `type Query { ok: Boolean } type Mutation { ${mutations} }`;

for (const server of servers) describeTransport(transportOf(server));

function transportOf(server: GraphQLServer): Transport {
  return {
    name: `GraphQL, ${server.name}`,
    observedAs: { kind: 'graphql', description: 'POST /graphql' },
    hasScopeOfMessage: true,
    answersSeveralTimes: false,
    filtersComeLast: false,
    knowsPeers: true,
    handlers: () => Resolver(),
    message: (name) => Mutation(name),
    data: (...pipes) => Args('data', ...(pipes as [])),
    answer: (error) => error,
    tenantOf: () => 'of all requests',
    tenants: ['of all requests'],
    async start(handlers, { providers = [], ...settings }) {
      const running = await startGraphQL(server, typeDefs, { ...settings, providers: [handlers, ...providers] });
      const send = async (name: string, data: unknown, signal?: AbortSignal) => {
        const { body } = await post(running, operation(name, data), signal);
        if (body.errors) throw new Error(body.errors[0]!.message);
        return [body.data![name]];
      };
      return {
        ...running,
        send: (name, data) => send(name, data),
        async drop(name, data, begun) {
          const connected = once(running.app.getHttpServer() as Server, 'connection') as Promise<[Socket]>;
          const aborting = new AbortController();
          const sent = send(name, data, aborting.signal).catch(() => undefined);
          await begun;
          await noticed((await connected)[0], () => aborting.abort());
          await sent;
        },
      };
    },
  };
}

function operation(name: string, data: unknown) {
  return { query: `mutation Send($data: Json) { ${name}(data: $data) }`, variables: { data } };
}
