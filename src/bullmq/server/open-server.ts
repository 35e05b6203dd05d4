import { missingPackage } from '../../errors/missing-package.js';
import type { ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import type { QueueServer } from './queue-server.js';

/**
 * Loads BullMQ and the client of the server that the options name, and only that one: the other need not be installed.
 *
 * @throws MISSING_PACKAGE
 */
export async function openServer(options: ResolvedBullMqOptions): Promise<QueueServer> {
  const { server } = options;
  if (server.kind === 'Redis') {
    const missing = missingPackage('BullMQ on Redis', ['bullmq', 'ioredis']);
    const { RedisServer } = await import('./redis-server.js').catch(missing);
    return new RedisServer(options, server);
  }
  const missing = missingPackage('BullMQ on PostgreSQL', ['bullmq', 'pg']);
  const { PostgresServer } = await import('./postgres-server.js').catch(missing);
  return new PostgresServer(options, server);
}
