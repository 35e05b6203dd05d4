import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Connection } from './connection.js';
import { rootModule, type VariantName } from './variants.js';

// A server process: node server.js <platform> <variant>. Told a number by its parent, it answers so many requests that
// come through no socket, one after another, and says how many microseconds of CPU time each took.

const [, , platform, variant] = process.argv as [string, string, 'Express' | 'Fastify', VariantName];
const adapter = platform === 'Fastify' ? new FastifyAdapter() : new ExpressAdapter();
const app = await NestFactory.create(rootModule(variant), adapter, { logger: false });
const server = (await app.listen(0, '127.0.0.1')) as Server;
const connection = new Connection(server);

async function ownCost(requests: number): Promise<number> {
  const before = process.cpuUsage();
  for (let count = 0; count < requests; count++) await connection.send();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

process.on('message', (requests: number) => {
  void ownCost(requests).then((microseconds) => process.send!(microseconds));
});
process.on('disconnect', () => process.exit());
process.send!((server.address() as AddressInfo).port);
