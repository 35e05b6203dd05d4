import 'reflect-metadata';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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
import { openTelemetryPropagation } from 'nestjs-background-tasks/opentelemetry';
import { RecordingBackgroundTasks, settled } from 'nestjs-background-tasks/testing';
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

@Module({
  imports: [
    BackgroundTasksModule.forRoot({ shutdownTimeoutMs: 1_000 }),
    WorkerThreadsModule.forRoot({ maxRunning: 1 }),
  ],
  controllers: [UsersController],
  providers: [
    Mailer,
    provideResource({ provide: Session, useFactory: () => new Session(), dispose: (session) => session.release() }),
  ],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  const response = await fetch(await app.getUrl());
  const body: unknown = await response.json();
  await settled(app);
  const { succeeded } = app.get(BackgroundTasksHost).stats();
  const doubled = await double(21);
  await app.close();

  const recorded = new RecordingBackgroundTasks();
  recorded.addTask(main);
  recorded.assertAdded(main);
  const others = [TaskBackend, BullMqBackgroundTasksModule, openTelemetryPropagation].map((value) => typeof value);
  process.stdout.write(
    JSON.stringify({ body, events, succeeded, doubled, recorded: recorded.added.map(({ name }) => name), others }),
  );
}

void main();
