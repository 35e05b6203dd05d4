import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { BullMqHealth } from 'nestjs-background-tasks/bullmq';
import { setTimeout } from 'node:timers/promises';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
while ((await app.get(BullMqHealth).check()).status === 'down') await setTimeout(100);
// As a readiness probe tells an orchestrator.
process.send!(await app.getUrl());
