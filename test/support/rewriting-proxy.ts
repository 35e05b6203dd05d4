import { Redis } from 'ioredis';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** Stands before a Redis, and makes it report version 4. */
export async function reportOldVersion(url: string): Promise<{ readonly old: string; readonly version: string }> {
  const client = new Redis(url);
  const real = /redis_version:(\S+)/.exec(await client.info('server'))![1]!;
  client.disconnect();
  const version = real.replace(/^\d/, '4');
  return { old: await rewriteAnswers(url, real, version), version };
}

/** Stands between a client and its server, and changes one word in the answers to another of the same length. */
async function rewriteAnswers(url: string, word: string, other: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    client.pipe(server);
    server.on('data', (chunk) => client.write(chunk.toString('latin1').replaceAll(word, other), 'latin1'));
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
  return url.replace(port, String((proxy.address() as AddressInfo).port));
}
