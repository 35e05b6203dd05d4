import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { BullMqHealth } from 'nestjs-background-tasks/bullmq';
import { setTimeout } from 'node:timers/promises';
import { requireFreePort } from '../port.js';
import { AppModule } from './app.module.js';
import { Settings } from './settings.js';

const { port, host } = new Settings(process.env);
await requireFreePort(port, host);
const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(port, host);
// Notes are refused until Redis has been reached for the first time.
while ((await app.get(BullMqHealth).check()).status === 'down') await setTimeout(100);

const url = await app.getUrl();
console.log(`
Ready. Write notes for two tenants, and read what each of them has:

  curl -X POST ${url}/notes/milk -H 'x-tenant: acme' && curl -X POST ${url}/notes/tea -H 'x-tenant: bolt'
  curl ${url}/notes -H 'x-tenant: acme' && curl ${url}/notes -H 'x-tenant: bolt'

Ctrl+C finishes what has begun, then stops.
`);
