import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { samplePlatforms, sharedQuickStart, startQuickStart, type TimelineEvent } from '../support/quick-start.js';

describe.each(samplePlatforms)('The quick start on %s', (PLATFORM) => {
  const sample = sharedQuickStart({ PLATFORM });

  it('answers each printed curl line, runs its task afterwards, and closes last what it opened', async () => {
    const seen: Record<string, unknown> = {};
    for (const line of sample().curlLines) {
      const answer = await sample().send(line);
      seen[line.path] = [answer.status, ...(await answer.timeline()).map(summary)];
    }

    expect(seen).toEqual({
      '/users': [
        201,
        'request: POST /users',
        'response: 201 Created',
        'task: Mail delivered to ada@example.com (250 OK: message queued)',
        'disposal: Request closed, nothing of it is left open',
      ],
      '/items/7': [
        201,
        'request: POST /items/7',
        'handler: Session … opened',
        'handler: Item … written by session …',
        'handler: Transaction of session … committed',
        'response: 201 Created',
        'task: Audit row … written by session …',
        'disposal: Session … released',
        'disposal: Request closed, nothing of it is left open',
      ],
      '/orders/42/notify': [
        202,
        'request: POST /orders/42/notify',
        'handler: HTTP client opened',
        'response: 202 Accepted',
        'task: Webhook received: order 42 is paid',
        'task: Webhook answered 204',
        'disposal: HTTP client closed',
        'disposal: Request closed, nothing of it is left open',
      ],
      '/report': [
        202,
        'request: POST /report',
        'handler: Report file opened',
        'response: 202 Accepted',
        `task: Report appended to ${sample().folder}/acme-report.txt`,
        'disposal: Report file closed',
        'disposal: Request closed, nothing of it is left open',
      ],
    });
  });

  it('logs what its timelines say, in the same order', async () => {
    const ownSample = await startQuickStart({ PLATFORM });
    const timelines = [];
    for (const line of ownSample.curlLines) timelines.push(await (await ownSample.send(line)).timeline());

    await ownSample.stop();

    const logged = timelines.map((_, index) => linesOf(ownSample.log, index + 1));
    expect(logged).toEqual(timelines.map((timeline) => timeline.map(({ stage, text }) => `${stage}: ${text}`)));
    expect(ownSample.log).toMatch(
      /\[Inbox\] Received a mail \(To: ada@example\.com, Subject: Please verify your address\)/,
    );
  });

  it('writes the item and its audit row through one session, and gives each request a session of its own', async () => {
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => sample().post('/items/7', { name })));
    const sessions = await Promise.all(answers.map(async (answer) => sessionsIn(await answer.timeline())));

    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(sessions.map((ids) => ids.size)).toEqual([1, 1, 1, 1, 1]);
    expect(new Set(sessions.flatMap((ids) => [...ids])).size).toBe(5);
  });

  it('appends to the report of the tenant', async () => {
    const ada = { authorization: 'Bearer ada-token' };
    await (await sample().post('/report', undefined, ada)).timeline();
    const once = await readFile(join(sample().folder, 'acme-report.txt'), 'utf8');
    await (await sample().post('/report', undefined, ada)).timeline();
    const twice = await readFile(join(sample().folder, 'acme-report.txt'), 'utf8');

    expect(twice.slice(0, once.length)).toBe(once);
    expect(twice.slice(once.length)).toMatch(/^\S+Z Acme weekly report, requested by Ada\n$/);
  });
});

/** Ids differ from run to run. */
function summary({ stage, text }: TimelineEvent): string {
  return `${stage}: ${text.replace(/(session) [0-9a-f]{8}/i, '$1 …').replace(/(Item|row) \d+/, '$1 …')}`;
}

function linesOf(log: string, id: number): string[] {
  return [...log.matchAll(new RegExp(`#${id} \\+[\\d.]+ ms {2}(.*)$`, 'gm'))].map(([, line]) => line!);
}

function sessionsIn(timeline: readonly TimelineEvent[]): Set<string> {
  return new Set(timeline.flatMap(({ text }) => /session ([0-9a-f]{8})/i.exec(text)?.[1] ?? []));
}
