import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { deferred } from './deferred.js';

/** A server that answers when the test says so. */
export async function startHeldServer(status: number, answerHeaders: OutgoingHttpHeaders = {}) {
  const received = deferred<{ url: string; headers: IncomingHttpHeaders; body: Buffer }>();
  const answer = deferred();
  const connectionClosed = deferred();
  // It never closes a connection by itself, so that whoever does is the client.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const { url, headers } = request;
    void buffer(request).then((body) => received.resolve({ url: url!, headers, body }));
    void answer.promise.then(() => response.writeHead(status, answerHeaders).end());
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
    url: `http://127.0.0.1:${port}`,
    received: received.promise,
    answer: () => answer.resolve(),
    connectionClosed: connectionClosed.promise,
  };
}
