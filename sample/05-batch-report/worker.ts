import 'reflect-metadata';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WorkerModule } from './worker.module.js';

const app = await NestFactory.createApplicationContext(WorkerModule, {
  logger: new ConsoleLogger({ prefix: 'worker' }),
});
app.enableShutdownHooks();
Logger.log(`Process ${process.pid} waits for tasks`, 'Worker');
