import { Catch, Controller, type INestApplication, UseFilters } from '@nestjs/common';
import { Query, Resolver } from '@nestjs/graphql';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EMPTY, lastValueFrom } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { type BackgroundTasks, BackgroundTasksModule, Tasks } from '../../src/index.js';
import { GraphQLBackgroundTasksModule } from '../../src/graphql/index.js';
import { MicroservicesBackgroundTasksModule } from '../../src/microservices/index.js';
import { WebSocketsBackgroundTasksModule } from '../../src/websockets/index.js';
import { type Advice, follow, works } from '../support/advice.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { freePort } from '../support/free-port.js';
import { type GraphQLServer, post, servers } from '../support/graphql.js';
import { startApp } from '../support/platforms.js';

const advice: Advice[] = [
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'For a message of a microservice import MicroservicesBackgroundTasksModule',
    async apply(isFixed) {
      const handled = deferred();
      @Controller()
      @UseFilters(rejecting(handled))
      class Handlers {
        @MessagePattern('handle')
        handle(@Tasks() tasks: BackgroundTasks) {
          tasks.addTask(() => handled.resolve());
        }
      }
      const module = await Test.createTestingModule({
        imports: [BackgroundTasksModule.forRoot(), ...(isFixed ? [MicroservicesBackgroundTasksModule] : [])],
        controllers: [Handlers],
      }).compile();
      const options = { host: '127.0.0.1', port: await freePort() };
      const app = module.createNestMicroservice({ transport: Transport.TCP, options });
      await app.listen();
      const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
      onTestFinished(async () => {
        void client.close();
        await app.close();
      });
      await Promise.all([lastValueFrom(client.send('handle', 'x'), { defaultValue: undefined }), handled.promise]);
    },
  },
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'for one of a WebSocket gateway WebSocketsBackgroundTasksModule',
    async apply(isFixed) {
      const handled = deferred();
      @WebSocketGateway()
      @UseFilters(rejecting(handled))
      class Handlers {
        @SubscribeMessage('handle')
        handle(@Tasks() tasks: BackgroundTasks) {
          tasks.addTask(() => handled.resolve());
        }
      }
      const module = await Test.createTestingModule({
        imports: [BackgroundTasksModule.forRoot(), ...(isFixed ? [WebSocketsBackgroundTasksModule] : [])],
        providers: [Handlers],
      }).compile();
      const app: INestApplication = module.createNestApplication();
      app.useWebSocketAdapter(new WsAdapter(app));
      await app.listen(0, '127.0.0.1');
      const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      client.on('open', () => client.send(JSON.stringify({ event: 'handle' })));
      onTestFinished(async () => {
        client.terminate();
        await app.close();
      });
      await handled.promise;
    },
  },
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'for a resolver of GraphQL GraphQLBackgroundTasksModule',
    async apply(isFixed) {
      const handled = deferred();
      @Catch()
      class Rejecting {
        catch(error: unknown) {
          handled.reject(error);
          return error;
        }
      }
      @Resolver('Query')
      @UseFilters(new Rejecting())
      class Resolvers {
        @Query('handle')
        handle(@Tasks() tasks: BackgroundTasks) {
          tasks.addTask(() => handled.resolve());
        }
      }
      const [server] = servers as [GraphQLServer];
      const running = await startApp(server.platform, {
        imports: [server.module('type Query { handle: String }'), ...(isFixed ? [GraphQLBackgroundTasksModule] : [])],
        providers: [Resolvers],
      });
      await Promise.all([post(running, { query: '{ handle }' }), handled.promise]);
    },
  },
];

describe('the advice for a handler of messages', () => {
  it.each(advice)('of $code works: $fix', async (each) => {
    expect(await follow(each, undefined)).toEqual(works(each));
  });
});

/** A filter that rejects with the error, and answers nothing. */
function rejecting(handled: Deferred) {
  @Catch()
  class Rejecting {
    catch(error: unknown) {
      handled.reject(error);
      return EMPTY;
    }
  }
  return new Rejecting();
}
