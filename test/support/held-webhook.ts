import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { deferred } from './deferred.js';

/** A webhook receiver that answers when the test says so. */
export async function startHeldWebhook() {
  const received = deferred<{ headers: IncomingHttpHeaders; body: unknown }>();
  const answer = deferred();
  const connectionClosed = deferred();
  // It never closes a connection by itself, so that whoever does is the client.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    void json(request).then((body) => received.resolve({ headers: request.headers, body }));
    void answer.promise.then(() => response.writeHead(204).end());
  });
  server.on('connection', (socket) => socket.once('close', () => connectionClosed.resolve()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received: received.promise,
    answer: () => answer.resolve(),
    connectionClosed: connectionClosed.promise,
  };
}
