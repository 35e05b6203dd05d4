import type { ResolvedBullMqOptions } from '../options/bullmq-options.js';
import type { JobServer } from './job-server.js';

/** Loads the client of the server that the options name, and only that one: the other need not be installed. */
export async function openServer({ server, queueName, answerTimeoutMs }: ResolvedBullMqOptions): Promise<JobServer> {
  if (server.kind === 'Redis') {
    const { RedisServer } = await import('./redis-server.js');
    return new RedisServer({ ...server, queueName, answerTimeoutMs });
  }
  const { PostgresServer } = await import('./postgres-server.js');
  return new PostgresServer({ ...server, queueName, answerTimeoutMs });
}
