import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { requireFreePort } from '../port.js';
import { AppModule } from './app.module.js';
import { Greeting } from './home/greeting.js';
import { loadSettings } from './settings/settings.module.js';

const { platform, port, host } = loadSettings();
await requireFreePort(port, host);
const app = await NestFactory.create(AppModule, platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter());
app.enableShutdownHooks();
await app.listen(port, host);
app.get(Greeting).print();
