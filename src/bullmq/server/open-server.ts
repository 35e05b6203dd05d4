import type { ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import type { QueueServer } from './queue-server.js';

/** Loads the client of the server that the options name, and only that one: the other need not be installed. */
export async function openServer(options: ResolvedBullMqOptions): Promise<QueueServer> {
  const { server } = options;
  if (server.kind === 'Redis') {
    const { RedisServer } = await import('./redis-server.js');
    return new RedisServer(options, server);
  }
  const { PostgresServer } = await import('./postgres-server.js');
  return new PostgresServer(options, server);
}
