import { afterAll, beforeAll, beforeEach } from 'vitest';
import { preparePostgres } from './postgres.js';
import { prepareRedis } from './redis.js';
import { INSTALL_TIMEOUT_MS } from './requirements.js';
import type { TestServer } from './test-server.js';

/** For `describe.each`: what holds on both servers is written once. */
export const servers = [
  { kind: 'Redis', prepare: () => prepareRedis() },
  { kind: 'PostgreSQL', prepare: preparePostgres },
];

/** A server for the tests of a `describe`, which runs when each of them begins. */
export function useServer(prepare: () => Promise<TestServer>): () => TestServer {
  let server: TestServer;
  beforeAll(async () => {
    server = await prepare();
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => server.remove());
  beforeEach(() => server.start());
  return () => server;
}
