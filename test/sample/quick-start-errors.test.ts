import { describe, expect, it } from 'vitest';
import { samplePlatforms, sharedQuickStart, startQuickStart } from '../support/quick-start.js';

describe.each(samplePlatforms)('The quick start on %s, given something wrong', (PLATFORM) => {
  const sample = sharedQuickStart({ PLATFORM });

  it.each([
    ['no token', {}, 401, 'Send a token, as in "Authorization: Bearer ada-token".'],
    ['a bad token', { authorization: 'Bearer nonsense' }, 401, 'Nobody has this token.'],
    [
      'a user without a settings file',
      { authorization: 'Bearer bob-token' },
      404,
      "Bob's tenant has no settings file.",
    ],
  ])('refuses a report for %s, and runs no task', async (_, headers: Record<string, string>, status, message) => {
    const answer = await sample().post('/report', undefined, headers);

    expect(answer.status).toBe(status);
    expect(answer.body.message).toBe(message);
    expect((await answer.timeline()).map(({ stage }) => stage)).toEqual(['request', 'response', 'disposal']);
  });

  it('refuses a bad body with 400', async () => {
    const answers = [
      await sample().post('/users', { email: 'nobody' }),
      await sample().post('/items/7', {}),
      await sample().post('/items/seven', { name: 'lamp' }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
  });

  it('gives the database session back when the item is refused', async () => {
    const refused = await sample().post('/items/7', {});
    const accepted = await sample().post('/items/7', { name: 'lamp' });

    expect((await refused.timeline()).map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/^Session \S+ released$/),
    );
    expect(accepted.status).toBe(201);
  });
});

describe('The settings of the quick start', () => {
  it('are refused at start-up, by name', async () => {
    const starting = startQuickStart({ PORT: '99999', SMTP_URL: 'http://example.com', PLATFORM: 'koa' });

    await expect(starting).rejects.toThrow(/bad setting[^]*PORT[^]*PLATFORM[^]*SMTP_URL/);
  });
});
