import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { requireFreePort } from '../port.js';
import { AppModule } from './app.module.js';
import { Settings } from './settings.js';

const { port, host } = new Settings(process.env);
await requireFreePort(port, host);
const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(port, host);

const url = await app.getUrl();
console.log(`
Ready. Order something, and take the order back:

  curl -X POST ${url}/orders
  curl -X DELETE ${url}/orders/7

A second later the trace of each appears below. The same in numbers, as a health check, and as a page:

  curl ${url}/metrics
  curl ${url}/health

${url}/background-tasks shows the life of each request. Ctrl+C finishes what has begun, then stops.
`);
