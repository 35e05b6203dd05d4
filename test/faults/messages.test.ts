import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { once } from 'node:events';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { startChild } from '../support/child-app.js';
import { post } from '../support/graphql.js';
import { platforms } from '../support/platforms.js';
import { scaled } from '../support/scale.js';

const MESSAGES = scaled(20, 500);
const numbers = Array.from({ length: MESSAGES }, (_, index) => index);

describe.each(platforms)('B18 SIGTERM while messages are handled, beside $name', (platform) => {
  it('lets them be answered over TCP, runs their tasks and releases their resources', async () => {
    const child = startChild('messages', { platform, env: { MESSAGES: String(MESSAGES) } });
    const port = Number(await child.said('TCP'));
    await child.said('PORT');
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    onTestFinished(() => void client.close());

    const answers = Promise.all(numbers.map((data) => firstValueFrom(client.send<number>('hold', data))));
    await child.said('HELD');
    child.kill('SIGTERM');

    expect(await answers).toEqual(numbers);
    expectAllDone(await child.exit, child);
  });

  it('lets them be answered over a WebSocket, runs their tasks and releases their resources', async () => {
    const child = startChild('messages', { platform, env: { MESSAGES: String(MESSAGES) } });
    const client = new WebSocket(`ws://127.0.0.1:${await child.said('PORT')}`);
    onTestFinished(() => client.terminate());
    await once(client, 'open');

    const received: number[] = [];
    client.on('message', (text: Buffer) => received.push((JSON.parse(text.toString()) as { data: number }).data));
    for (const data of numbers) client.send(JSON.stringify({ event: 'hold', data }));
    await child.said('HELD');
    child.kill('SIGTERM');
    await once(client, 'close');

    expect(received.toSorted((a, b) => a - b)).toEqual(numbers);
    expectAllDone(await child.exit, child);
  });

  it('lets them be answered in GraphQL, runs their tasks and releases their resources', async () => {
    const child = startChild('messages', { platform, env: { MESSAGES: String(MESSAGES) } });
    const url = `http://127.0.0.1:${await child.said('PORT')}`;

    const answers = Promise.all(numbers.map((data) => post({ url }, { query: `mutation { hold(data: ${data}) }` })));
    await child.said('HELD');
    child.kill('SIGTERM');

    expect((await answers).map(({ body }) => body)).toEqual(numbers.map((hold) => ({ data: { hold } })));
    expectAllDone(await child.exit, child);
  });
});

function expectAllDone(exit: unknown, { journal, output }: ReturnType<typeof startChild>): void {
  expect(exit, output).toEqual({ code: null, signal: 'SIGTERM' });
  expect(journal.of('DONE').toSorted()).toEqual(numbers.map(String).toSorted());
  expect(journal.count('succeeded')).toBe(MESSAGES);
  expect([journal.of('ACQUIRED').length, journal.of('RELEASED').length]).toEqual([MESSAGES, MESSAGES]);
  expect([journal.lost, journal.corrupt, journal.of('X')]).toEqual([[], [], []]);
}
