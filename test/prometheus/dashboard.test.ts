import { Controller, Post } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type BackgroundTasks, Resource, Tasks } from '../../src/index.js';
import { BackgroundTasksMetricsModule } from '../../src/prometheus/index.js';
import { settled } from '../../src/testing/index.js';
import { scrape } from '../support/metrics.js';
import { platforms, startApp } from '../support/platforms.js';
import { recordedResource } from '../support/recorded-resource.js';
import { Timeline } from '../support/timeline.js';

const docs = join(import.meta.dirname, '../../docs/prometheus');

/** Metrics that Prometheus has only after something has gone wrong. */
const ofFaults = new Set(['background_tasks_failed_releases_total', 'background_tasks_retries_total']);

it.each(['dashboard.json', 'alerts.yml'])('%s asks for metrics and labels that a scrape has', async (file) => {
  @Controller()
  class Root {
    @Post()
    add(@Tasks() tasks: BackgroundTasks, @Resource('db') _db: unknown) {
      tasks.addTask(function work() {});
    }
  }
  const { app, url } = await startApp(platforms[0]!, {
    imports: [BackgroundTasksMetricsModule.forRoot()],
    controllers: [Root],
    providers: [recordedResource(new Timeline(), { provide: 'db' })],
  });
  await fetch(url, { method: 'POST' });
  await settled(app);
  const scraped = [...(await scrape(`${url}/metrics`)).keys()];
  const text = readFileSync(join(docs, file), 'utf8');

  const asked = new Set(text.match(/background_tasks_\w+/g));
  const missing = [...asked].filter((name) => !ofFaults.has(name) && !scraped.some((key) => key.startsWith(name)));

  expect(asked.size).toBeGreaterThan(5);
  expect(missing).toEqual([]);
});

it('the dashboard has a title, a unit and a legend for each panel, and no two panels overlap', () => {
  const { panels } = JSON.parse(readFileSync(join(docs, 'dashboard.json'), 'utf8')) as Dashboard;

  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  const bare = panels.filter(({ fieldConfig, targets, title }) => {
    return !title || !fieldConfig.defaults.unit || targets.some(({ expr, legendFormat }) => !expr || !legendFormat);
  });

  expect(new Set(cells).size).toBe(cells.length);
  expect(bare).toEqual([]);
});

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
    readonly fieldConfig: { readonly defaults: { readonly unit: string } };
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
}
