import 'reflect-metadata';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { Settings } from './settings.js';

const app = await NestFactory.create(AppModule, { logger: new ConsoleLogger({ prefix: 'web' }) });
const { port, host, boardUser } = app.get(Settings);
app.enableShutdownHooks();
await app.listen(port, host);

const url = await app.getUrl();
console.log(`
Ready. Order an export, twice with the same key, and look at the queue's health:

  curl -X POST ${url}/exports -H 'content-type: application/json' -H 'idempotency-key: 7f3a' -d '{"year":2025}'
  curl ${url}/health

The export is ordered before the answer, and the worker begins it when it can. Its progress is on the board:
${url}/queues, as user "${boardUser}". Ctrl+C finishes what has begun, then stops.
`);
