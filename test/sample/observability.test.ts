import { describe, expect, it } from 'vitest';
import type { LiveMessage } from '../../src/inspector/records.js';
import { startHeldServer } from '../support/held-server.js';
import { scrape } from '../support/metrics.js';
import { SampleProcess, startSample } from '../support/sample-process.js';
import { openShell } from '../support/shell.js';

describe('The observability sample', () => {
  it('prints the trace of each request as a tree: its tasks below it, and what they do below them', async () => {
    const sample = await startObservability();

    await sample.order();
    const trace = await sample.trace('POST /orders');

    expect(trace.spans).toEqual([
      'POST /orders',
      '  enqueue pack-parcel',
      '    process pack-parcel: succeeded',
      '      SELECT stock',
      '      Mailer.sendTracking: succeeded',
      '  Mailer.sendReceipt: succeeded at attempt 2',
    ]);
  });

  it('does what its curl lines promise: two traces, metrics and a health check', async () => {
    const sample = await startObservability();
    const paste = await openShell(sample.folder);

    const [create, cancel, metrics, health] = sample.shellLines as [string, string, string, string];
    await paste(create);
    await paste(cancel);
    await sample.trace('POST /orders');
    const refund = await sample.trace('DELETE /orders/:id');

    expect(refund.spans).toEqual(['DELETE /orders/:id', '  Bank.refund: failed: The bank is closed']);
    expect(await paste(metrics)).toContain('background_tasks_settled_total{task="Bank.refund",state="failed"} 1\n');
    expect(JSON.parse(await paste(health))).toMatchObject({
      status: 'ok',
      details: { tasks: { status: 'up', backend: 'up', waiting: 0, running: 0 } },
    });
  });

  it('counts the same tasks at /metrics that its page shows, which have the id of the printed trace', async () => {
    const sample = await startObservability();
    await sample.order();
    const { id } = await sample.trace('POST /orders');

    const metrics = await scrape(`${sample.url}/metrics`);
    const response = await fetch(`${sample.url}/background-tasks/records`);
    const { records } = (await response.json()) as LiveMessage;

    const tasks = records.flatMap((record) => record.tasks);
    expect(tasks.map(({ name, state }) => `${name} ${state}`).toSorted()).toEqual([
      'Mailer.sendReceipt succeeded',
      'Mailer.sendTracking succeeded',
      'pack-parcel succeeded',
    ]);
    expect(new Set([...records, ...tasks].map(({ traceId }) => traceId))).toEqual(new Set([id]));
    const settled = tasks.map(({ name }) => `background_tasks_settled_total{task="${name}",state="succeeded"}`);
    expect(settled.map((series) => metrics.get(series))).toEqual([1, 1, 1]);
    expect(metrics.get('background_tasks_retries_total{task="Mailer.sendReceipt"}')).toBe(1);
  });

  it('sends its spans to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names', async () => {
    const collector = await startHeldServer(200);
    const sample = await startObservability({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });

    await sample.order();
    const { url, body } = await collector.received;
    collector.answer();

    expect(url).toBe('/v1/traces');
    expect(body.toString()).toContain('"name":"POST /orders"');
  });

  it('prints the trace of work that it finishes when it is told to stop', async () => {
    const sample = await startObservability();

    await sample.order();
    const printed = sample.trace('POST /orders');
    const exit = await sample.stop();
    const { spans } = await printed;

    expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(spans).toContain('  Mailer.sendReceipt: succeeded at attempt 2');
    expect(spans).toContain('      Mailer.sendTracking: succeeded');
  });
});

class ObservabilitySample extends SampleProcess {
  get url(): string {
    return /(http:\S+)\/background-tasks/.exec(this.log)![1]!;
  }

  async order(): Promise<void> {
    await (await fetch(`${this.url}/orders`, { method: 'POST' })).text();
  }

  /** The id and the spans of the trace that begins with a span of this name, once it is printed. */
  async trace(root: string): Promise<{ readonly id: string; readonly spans: readonly string[] }> {
    const [, id, lines] = await this.printed(
      new RegExp(`^Trace ([0-9a-f]{32})\n((?:  ${root}) .*\n(?: .*\n)*)\n`, 'm'),
    );
    const spans = lines!.trimEnd().split('\n');
    return {
      id: id!,
      spans: spans.map((line) => line.slice(2).replace(TIMES, (_, result) => (result ? `: ${result}` : ''))),
    };
  }
}

/** The columns of a line, with the result of a task behind them. */
const TIMES = / +at +[\d.]+ ms {2}for +[\d.]+ ms(?: {2}(.+))?$/;

async function startObservability(settings: Record<string, string> = {}): Promise<ObservabilitySample> {
  const sample = await startSample(ObservabilitySample, '08-observability/main', settings);
  await sample.printed(/Ctrl\+C/);
  return sample;
}
