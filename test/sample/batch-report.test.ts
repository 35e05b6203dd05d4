import { describe, expect, it } from 'vitest';
import { prepareRedis } from '../support/redis.js';
import { SampleProcess, startSample } from '../support/sample-process.js';
import { useServer } from '../support/servers.js';

describe('The sample of a batch report', () => {
  const server = useServer(() => prepareRedis());
  let databases = 0;
  const ownDatabase = () => `${server().url}/${databases++}`;

  it('shows its progress, gives the file that was made, and mails it', async () => {
    const sample = await startReports({ REDIS_URL: ownDatabase(), MONTH_MS: '20' });

    const location = await sample.order();
    const events = await sample.events(location);
    const file = await fetch(`${sample.url}${location}/file`);
    await sample.printed(/Received a mail to ada@example\.com with report-\S+\.csv/);

    expect(events.at(-1)).toMatchObject({ state: 'succeeded', progress: { done: 12, of: 12 } });
    expect(events.length).toBeGreaterThan(2);
    expect(file.headers.get('content-type')).toContain('text/csv');
    expect((await file.text()).split('\n').slice(0, 2)).toEqual(['2025-01,1111.00', '2025-02,2222.00']);
  });

  it('goes on with the next month when it is started again after a kill', async () => {
    const redisUrl = ownDatabase();
    const first = await startReports({ REDIS_URL: redisUrl, MONTH_MS: '200' });
    const location = await first.order();
    await first.printed(/Month 3 of 2025 written/);
    process.kill(first.worker, 'SIGKILL');
    await first.exit;

    const second = await startReports({ REDIS_URL: redisUrl, MONTH_MS: '20', DATA_DIR: first.folder });
    await second.printed(/Received a mail/);
    const file = await fetch(`${second.url}${location}/file`);

    const months = [first.log, second.log].map((log) =>
      [...log.matchAll(/Month (\d+) /g)].map(([, month]) => Number(month)),
    );
    expect(months.flat()).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    expect((await file.text()).trim().split('\n')).toHaveLength(12);
  });

  it('ends when its client cancels it, and has no file then', async () => {
    const sample = await startReports({ REDIS_URL: ownDatabase(), MONTH_MS: '60000' });
    const location = await sample.order();
    await expect.poll(async () => (await sample.find(location)).state).toBe('running');

    const answer = await (await fetch(`${sample.url}${location}`, { method: 'DELETE' })).json();
    const events = await sample.events(location);
    const file = await fetch(`${sample.url}${location}/file`);

    expect(answer).toEqual({ answer: 'requested' });
    expect(events.at(-1)).toMatchObject({ state: 'cancelled' });
    expect([file.status, await file.json()]).toMatchObject([409, { message: 'The report is cancelled' }]);
  });
});

class ReportsSample extends SampleProcess {
  get url(): string {
    return /POST (http:\S+)\/reports/.exec(this.log)![1]!;
  }

  /** The process of the worker. */
  get worker(): number {
    return Number(/^\[worker\] (\d+) /m.exec(this.log)![1]);
  }

  /** Orders a report, and returns where it will be. */
  async order(): Promise<string> {
    const answer = await fetch(`${this.url}/reports`, {
      method: 'POST',
      body: JSON.stringify({ year: 2025, email: 'ada@example.com' }),
      headers: { 'content-type': 'application/json' },
    });
    if (answer.status !== 202) throw new Error(`The order was answered with ${answer.status}.`);
    return answer.headers.get('location')!;
  }

  async find(location: string): Promise<{ readonly state: string }> {
    return (await (await fetch(`${this.url}${location}`)).json()) as { readonly state: string };
  }

  /** Reads the event stream to its end. */
  async events(location: string): Promise<unknown[]> {
    const text = await (await fetch(`${this.url}${location}/events`)).text();
    return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as unknown);
  }

  /** The whole group. */
  protected override kill(): void {
    process.kill(-this.child.pid!, 'SIGKILL');
  }
}

async function startReports(settings: Record<string, string>): Promise<ReportsSample> {
  const sample = await startSample(ReportsSample, '05-batch-report/start', settings, undefined, { detached: true });
  await Promise.all([sample.printed(/Ctrl\+C/), sample.printed(/waits for tasks/)]);
  return sample;
}
