import 'reflect-metadata';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BullMqHealth } from 'nestjs-background-tasks/bullmq';
import { setTimeout } from 'node:timers/promises';
import { requireFreePort } from '../port.js';
import { AppModule } from './app.module.js';
import { Settings } from './settings.js';

const { port, host } = new Settings(process.env);
await requireFreePort(port, host);
const app = await NestFactory.create(AppModule, { logger: new ConsoleLogger({ prefix: 'web' }) });
app.enableShutdownHooks();
await app.listen(port, host);
// Reports are refused until Redis has been reached for the first time.
while ((await app.get(BullMqHealth).check()).status === 'down') await setTimeout(100);

const url = await app.getUrl();
console.log(`
Ready. Order a report, and watch it grow:

  curl -s -X POST ${url}/reports -H 'content-type: application/json' -d '{"year":2025,"email":"ada@example.com"}'
  curl -N ${url}/reports/ID/events

The first answer holds the ID. GET ${url}/reports/ID/file is the report once it is there, and
DELETE ${url}/reports/ID cancels it. Ctrl+C stops both processes.
`);
