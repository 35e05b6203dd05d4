import { describe, expect, it } from 'vitest';
import { redisPath } from '../support/requirements.js';
import { SampleProcess, startSample } from '../support/sample-process.js';
import { until } from '../support/until.js';

/** The sample of tenants, as a user starts it. */
class MultiTenantSample extends SampleProcess {
  async send(method: string, path: string, tenant?: string): Promise<Response> {
    const url = /curl (http:\S+)\/notes /.exec(this.log)![1]!;
    return fetch(`${url}${path}`, { method, headers: tenant === undefined ? {} : { 'x-tenant': tenant } });
  }

  async notes(tenant: string): Promise<string[]> {
    return (await (await this.send('GET', '/notes', tenant)).json()) as string[];
  }

  /** Not at once: it stops the Redis that it has started. */
  protected override kill(): void {
    this.child.kill('SIGTERM');
  }
}

describe('The sample of tenants', () => {
  it('gives each task the database of the tenant whose request added it', async () => {
    const sample = await start();
    const tenants = ['acme', 'bolt', 'core'];

    await Promise.all(
      tenants.flatMap((tenant) => [1, 2, 3].map((note) => sample.send('POST', `/notes/${tenant}-${note}`, tenant))),
    );

    for (const tenant of tenants) {
      await until(`all of ${tenant} is there`, async () => (await sample.notes(tenant)).length === 9);
      const lines = await sample.notes(tenant);
      expect(lines.every((line) => line.includes(` ${tenant}-`))).toBe(true);
      expect(lines.filter((line) => line.startsWith('indexed'))).toHaveLength(3);
    }
  });

  it('answers 401 without a tenant, and adds no task', async () => {
    const sample = await start();

    const answer = await sample.send('POST', '/notes/nobody');

    expect(answer.status).toBe(401);
    expect(await sample.notes('undefined')).toEqual([]);
  });
});

async function start(): Promise<MultiTenantSample> {
  await redisPath();
  const sample = await startSample(MultiTenantSample, '10-multi-tenant/start', {}, undefined, { detached: true });
  await sample.printed(/Ctrl\+C/);
  return sample;
}
