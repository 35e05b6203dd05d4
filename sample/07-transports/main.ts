import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { requireFreePort } from '../port.js';
import { AppModule } from './app.module.js';
import { orderEverywhere } from './clients.js';
import { Settings } from './settings.js';

const { port, host, tcpPort } = new Settings(process.env);
await requireFreePort(port, host);
await requireFreePort(tcpPort, host);
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.useWebSocketAdapter(new WsAdapter(app));
app.connectMicroservice({ transport: Transport.TCP, options: { host, port: tcpPort } });
app.enableShutdownHooks();
await app.startAllMicroservices();
await app.listen(port, host);

const url = await app.getUrl();
console.log(`Ready. One order over each transport:\n`);
await orderEverywhere(url, tcpPort);
console.log(`
Send one of your own, and press Ctrl+C at once: the receipt is sent first.

  curl -X POST ${url}/orders/H-2
`);
