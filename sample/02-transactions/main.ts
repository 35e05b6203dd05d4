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
// Orders are refused until BullMQ has made its tables.
while ((await app.get(BullMqHealth).check()).status === 'down') await setTimeout(100);

console.log(`
Ready. Open ${await app.getUrl()} in a browser, and order. Ctrl+C finishes what has begun, then stops.
`);
