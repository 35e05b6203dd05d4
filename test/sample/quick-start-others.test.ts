import { describe, expect, it } from 'vitest';
import { startHeldInbox } from '../support/held-inbox.js';
import { startHeldServer } from '../support/held-server.js';
import { samplePlatforms, startQuickStart } from '../support/quick-start.js';

// The other side of each task is the test's own, and does its part only once the client has its answer.
describe.each(samplePlatforms)('The quick start on %s, with servers that keep it waiting', (PLATFORM) => {
  it('answers before the mail server at SMTP_URL has said a word', async () => {
    const inbox = await startHeldInbox();
    const sample = await startQuickStart({ PLATFORM, SMTP_URL: inbox.url });

    const answer = await sample.post('/users', { email: 'grace@example.com' });
    inbox.greet();

    expect(answer.status).toBe(201);
    expect(await inbox.received).toMatch(/^To: grace@example\.com\r$/m);
    expect((await answer.timeline()).map(({ stage }) => stage)).toEqual(['request', 'response', 'task', 'disposal']);
  });

  it('answers before the receiver at WEBHOOK_URL does, and closes the connection when the task is done', async () => {
    const webhook = await startHeldServer(204);
    const sample = await startQuickStart({ PLATFORM, WEBHOOK_URL: webhook.url });

    const answer = await sample.post('/orders/42/notify');
    const { headers, body } = await webhook.received;
    webhook.answer();
    await webhook.connectionClosed;

    expect(answer.status).toBe(202);
    expect(headers['x-request-id']).toBe('1');
    expect(JSON.parse(body.toString())).toEqual({ orderId: '42', status: 'paid' });
    const stages = (await answer.timeline()).map(({ stage }) => stage);
    expect(stages).toEqual(['request', 'handler', 'response', 'task', 'disposal', 'disposal']);
  });

  it('finishes the task that it has promised when it is told to stop', async () => {
    const webhook = await startHeldServer(204);
    const sample = await startQuickStart({ PLATFORM, WEBHOOK_URL: webhook.url });
    await sample.post('/orders/42/notify');
    await webhook.received;

    const stopped = sample.stop();
    webhook.answer();

    expect(await stopped).toEqual({ code: null, signal: 'SIGTERM' });
    expect(sample.log).toMatch(/task: Webhook answered 204[^]*disposal: HTTP client closed/);
  });
});
