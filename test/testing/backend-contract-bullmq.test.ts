import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { backendContract, type BackendContractOptions } from '../../src/testing/index.js';
import { startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import type { TestServer } from '../support/test-server.js';

describe.each(servers)('the contract of BullMQ on $kind', { timeout: 20_000 }, ({ kind, prepare }) => {
  const server = useServer(prepare);
  const options = contractOptions(server);
  const checks = kind === 'PostgreSQL' ? { ...options, transaction: transactionsOn(server) } : options;

  it.each(backendContract(checks))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** BullMQ as an application has it, without the handlers of one. */
function contractOptions(server: () => TestServer): BackendContractOptions {
  return {
    create: async (queueName) => {
      const worker = { lockDurationMs: 1_000, stalledIntervalMs: 500 };
      const durable = await startDurable({ server: server(), queueName, worker });
      await untilReady(durable);
      return { backend: durable.backend, close: () => durable.app.close() };
    },
    invalidSettings: { bullmq: { priority: 'high' } } as object,
    outage: { begin: () => server().stop(), end: () => server().start() },
    timeoutMs: 15_000,
    quietMs: 300,
  };
}

/** Transactions of `pg` on the server. */
function transactionsOn(server: () => TestServer): NonNullable<BackendContractOptions['transaction']> {
  return async (work) => {
    const client = new pg.Client({ connectionString: server().url });
    await client.connect();
    try {
      await client.query('BEGIN');
      await work(client);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      await client.end();
    }
  };
}
