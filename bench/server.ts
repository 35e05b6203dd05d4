import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';
import { rootModule, type VariantName } from './variants.js';

// A server process: node server.js <platform> <variant>. Told "cpu" by its parent, it reports the CPU time it has used.
const [, , platform, variant] = process.argv as [string, string, 'Express' | 'Fastify', VariantName];
const app = await NestFactory.create(
  rootModule(variant),
  platform === 'Fastify' ? new FastifyAdapter() : new ExpressAdapter(),
  {
    logger: false,
  },
);
const server = (await app.listen(0, '127.0.0.1')) as { address(): AddressInfo };
process.on('message', () => process.send!(process.cpuUsage()));
process.on('disconnect', () => process.exit());
process.send!(server.address().port);
