import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** Stands between a client and its server, and counts how often the client waits for an answer. */
export async function countRoundTrips(
  targetPort: number,
): Promise<{ readonly port: number; readonly roundTrips: number }> {
  let roundTrips = 0;
  let isAsking = false;
  const proxy = createServer((client) => {
    const server = connect(targetPort, '127.0.0.1');
    client.on('data', (chunk) => {
      if (!isAsking) roundTrips += 1;
      isAsking = true;
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      isAsking = false;
      client.write(chunk);
    });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => void proxy.close());
  return {
    port: (proxy.address() as AddressInfo).port,
    get roundTrips() {
      return roundTrips;
    },
  };
}
