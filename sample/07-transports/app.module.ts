import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { GraphQLBackgroundTasksModule } from 'nestjs-background-tasks/graphql';
import { MicroservicesBackgroundTasksModule } from 'nestjs-background-tasks/microservices';
import { WebSocketsBackgroundTasksModule } from 'nestjs-background-tasks/websockets';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersGateway } from './orders/orders.gateway.js';
import { OrdersResolver } from './orders/orders.resolver.js';
import { Receipts } from './orders/receipts.js';

@Module({
  imports: [
    BackgroundTasksModule.forRoot(),
    // One for each transport beside HTTP.
    GraphQLBackgroundTasksModule,
    WebSocketsBackgroundTasksModule,
    MicroservicesBackgroundTasksModule,
    GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
  ],
  controllers: [OrdersController],
  providers: [OrdersGateway, OrdersResolver, Receipts],
})
export class AppModule {}
