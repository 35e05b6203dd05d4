import 'reflect-metadata';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BullMqHealth } from 'nestjs-background-tasks/bullmq';
import { setTimeout } from 'node:timers/promises';
import { requireFreePort } from '../port.js';
import { AppModule } from './app.module.js';
import { Settings } from './settings.js';

const { port, host, boardUser } = new Settings(process.env);
await requireFreePort(port, host);
const app = await NestFactory.create(AppModule, { logger: new ConsoleLogger({ prefix: 'web' }) });
app.enableShutdownHooks();
await app.listen(port, host);
// Orders are refused until Redis has been reached for the first time.
while ((await app.get(BullMqHealth).check()).status === 'down') await setTimeout(100);

const url = await app.getUrl();
console.log(`
Ready. Order an export, twice with the same key, and look at the queue's health:

  curl -X POST ${url}/exports -H 'content-type: application/json' -H 'idempotency-key: 7f3a' -d '{"year":2025}'
  curl ${url}/health

The export is ordered before the answer, and the worker begins it when it can. Its progress is on the board:
${url}/queues, as user "${boardUser}". Ctrl+C finishes what has begun, then stops.
`);
