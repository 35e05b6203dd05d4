import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { redisPath } from '../support/requirements.js';
import { SampleProcess, startSample } from '../support/sample-process.js';

describe('The sample of deploys', () => {
  it('loses nothing by SIGTERM, and no named task by SIGKILL', { timeout: 180_000 }, async () => {
    await redisPath();
    const sample = await startSample(SampleProcess, '09-deploys/start', {});

    const { code } = await sample.exit;

    expect(code).toBe(0);
    const rows = new Map([...sample.log.matchAll(ROW)].map(([, signal, ...counts]) => [signal!, counts.map(Number)]));
    const [terminated, killed] = [rows.get('SIGTERM')!, rows.get('SIGKILL')!];
    expect(terminated[0]).toBeGreaterThan(100);
    expect(terminated.slice(1)).toEqual([0, 0]);
    expect(killed[0]).toBeGreaterThan(100);
    // Whether it has mails to lose is chance.
    expect(killed[2]).toBe(0);
  });

  it.each(['kubernetes.yaml', 'docker-compose.yml'])('gives a process in %s longer than its drain takes', (file) => {
    const text = readFileSync(join(import.meta.dirname, '../../sample/09-deploys', file), 'utf8');

    const [, seconds] = /(?:terminationGracePeriodSeconds|stop_grace_period): (\d+)/.exec(text)!;

    expect(Number(seconds)).toBeGreaterThanOrEqual(35);
  });
});

const ROW = /^\| `(SIG\w+)` \| (\d+) \| (\d+) \| (\d+) \|$/gm;
