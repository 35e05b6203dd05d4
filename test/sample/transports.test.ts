import { expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { SampleProcess, startSample } from '../support/sample-process.js';

const ORDERS = ['H-1', 'G-1', 'W-1', 'T-1'];

it('The sample of transports answers over each of them, sends each receipt, and loses none at SIGTERM', async () => {
  const sample = await startSample(SampleProcess, '07-transports/main', { TCP_PORT: String(await freePort()) });
  const [, url] = await sample.printed(/curl -X POST (http:\S+)\/orders\/H-2/);

  for (const order of ORDERS) await sample.printed(new RegExp(`receipt of ${order} sent`));
  await fetch(`${url}/orders/last`, { method: 'POST' });
  await sample.stop();

  const answered = [...sample.log.matchAll(/answered: order (\S+) is taken/g)].map(([, order]) => order);
  expect(answered).toEqual(ORDERS);
  expect(sample.log).toContain('receipt of last sent');
});
