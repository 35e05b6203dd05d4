import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { once } from 'node:events';
import { firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';

/** Orders over each transport, and says what was answered. */
export async function orderEverywhere(url: string, tcpPort: number): Promise<void> {
  say('HTTP', await (await fetch(`${url}/orders/H-1`, { method: 'POST' })).text());
  say('GraphQL', await overGraphQL(url));
  say('WebSocket', await overWebSocket(url));
  say('TCP', await overTcp(tcpPort));
}

async function overGraphQL(url: string): Promise<string> {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation { order(id: "G-1") }' }),
  });
  return ((await answer.json()) as { data: { order: string } }).data.order;
}

async function overWebSocket(url: string): Promise<string> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/orders`);
  await once(socket, 'open');
  socket.send(JSON.stringify({ event: 'order', data: 'W-1' }));
  const [message] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return (JSON.parse(message.toString()) as { data: string }).data;
}

async function overTcp(port: number): Promise<string> {
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { port } });
  const answer = await firstValueFrom(client.send<string>('order', 'T-1'));
  await client.close();
  return answer;
}

function say(transport: string, answer: string): void {
  console.log(`${transport.padEnd(10)} answered: ${answer}`);
}
