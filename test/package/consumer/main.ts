import 'reflect-metadata';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { firstValueFrom } from 'rxjs';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksModule,
  currentTask,
  provideResource,
  Resource,
  Tasks,
} from 'nestjs-background-tasks';
import { TaskBackend } from 'nestjs-background-tasks/backend';
import { BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import { MicroservicesBackgroundTasksModule } from 'nestjs-background-tasks/microservices';
import { openTelemetryTracing } from 'nestjs-background-tasks/opentelemetry';
import { RecordingBackgroundTasks, settled } from 'nestjs-background-tasks/testing';
import { WebSocketsBackgroundTasksModule } from 'nestjs-background-tasks/websockets';
import { threadTask, WorkerThreadsModule } from 'nestjs-background-tasks/worker-threads';

// An application outside the repository, which has nothing but the packed package and its peers. It
// is compiled as an ES module and as CommonJS, and prints what happened for the test to see.

const events: string[] = [];

// It is both kinds of module, so that neither "import.meta" nor "__dirname" will do.
const doubles = pathToFileURL(join(process.argv[1]!, '../double.js'));
const double = threadTask<typeof import('./double.js'), 'double'>(doubles, 'double');

class Session {
  release(): void {
    events.push('session released');
  }
}

@Injectable()
class Mailer {
  async send(address: string): Promise<void> {
    events.push(`${currentTask().name} to ${await Promise.resolve(address)}`);
  }
}

@Controller()
class UsersController {
  constructor(private readonly mailer: Mailer) {}

  @Get()
  create(@Tasks() tasks: BackgroundTasks, @Resource(Session) session: Session): { created: boolean } {
    tasks.addTask(this.mailer, 'send', 'ada@example.org');
    events.push('handled');
    return { created: session instanceof Session };
  }
}

@Controller()
class Messages {
  @MessagePattern('greet')
  greet(@Payload() name: string, @Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(greeted, `message of ${name}`);
    return `hello ${name}`;
  }
}

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('greet')
  greet(@MessageBody() name: string, @Tasks() tasks: BackgroundTasks): { event: string; data: string } {
    tasks.addTask(greeted, `socket of ${name}`);
    return { event: 'greeting', data: `hello ${name}` };
  }
}

function greeted(name: string): void {
  events.push(`greeted ${name}`);
}

@Module({
  imports: [
    BackgroundTasksModule.forRoot({ shutdownTimeoutMs: 1_000 }),
    WorkerThreadsModule.forRoot({ maxRunning: 1 }),
    MicroservicesBackgroundTasksModule,
    WebSocketsBackgroundTasksModule,
  ],
  controllers: [UsersController, Messages],
  providers: [
    Gateway,
    Mailer,
    provideResource({ provide: Session, useFactory: () => new Session(), dispose: (session) => session.release() }),
  ],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.useWebSocketAdapter(new WsAdapter(app));
  const microservice = app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } });
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  const response = await fetch(await app.getUrl());
  const body: unknown = await response.json();
  await settled(app);
  const { port } = microservice.unwrap<Server>().address() as AddressInfo;
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  const answer = await firstValueFrom(client.send<string>('greet', 'Ada'));
  client.close();
  await settled(app);
  const { succeeded } = app.get(BackgroundTasksHost).stats();
  const doubled = await double(21);
  await app.close();

  const recorded = new RecordingBackgroundTasks();
  recorded.addTask(main);
  recorded.assertAdded(main);
  const others = [TaskBackend, BullMqBackgroundTasksModule, openTelemetryTracing].map((value) => typeof value);
  process.stdout.write(
    JSON.stringify({
      body,
      answer,
      events,
      succeeded,
      doubled,
      recorded: recorded.added.map(({ name }) => name),
      others,
    }),
  );
}

void main();
