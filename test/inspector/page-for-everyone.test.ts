import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, TaskScopes } from '../../src/index.js';
import { axeViolations } from '../support/axe.js';
import { shop } from '../support/inspected-app.js';
import { recordsOf, startInspected } from '../support/inspector.js';
import { rowNames, sharedBrowser } from '../support/inspector-page.js';
import { platforms, type RunningApp } from '../support/platforms.js';

const open = sharedBrowser();
const [express] = platforms;

const views = [
  ['nothing yet', false, async () => {}],
  ['the list', true, async () => {}],
  ['nothing found', true, (page: Page) => page.getByRole('searchbox').fill('nonsense')],
  ['a request as bars', true, (page: Page) => page.locator('[role=row]', { hasText: '/orders' }).click()],
  [
    'a request as a table',
    true,
    async (page: Page) => {
      await page.locator('[role=row]', { hasText: '/orders' }).click();
      await page.getByRole('button', { name: 'Table' }).click();
    },
  ],
  [
    'an error',
    true,
    async (page: Page) => {
      await page.locator('[role=row]', { hasText: '/reports' }).click();
      await page.locator('.span', { hasText: 'sendReport' }).click();
    },
  ],
  ['the help', true, (page: Page) => page.keyboard.press('?')],
] as const;

const everyView = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [1600, 360].flatMap((width) => views.map(([view, hasWork, show]) => ({ colorScheme, width, view, hasWork, show }))),
);

describe('the page', () => {
  it.each(everyView)(
    'has contrast, labels and roles that axe approves of: $view, $colorScheme, $width px',
    async ({ colorScheme, width, hasWork, show }) => {
      const { url } = hasWork ? await shopWithWork() : await startInspected(express!, shop);
      // The policy of the page keeps axe out as well.
      const page = await open(url, { colorScheme, bypassCSP: true, viewport: { width, height: 800 } });
      await page
        .locator(hasWork ? '[role=row][aria-level]' : '.empty h2')
        .first()
        .waitFor();

      await show(page);

      expect(await axeViolations(page)).toEqual([]);
    },
  );

  it.each(views)('is no wider than a screen of 360 px: %s', async (_, hasWork, show) => {
    const { url } = hasWork ? await shopWithWork() : await startInspected(express!, shop);
    const page = await open(url, { viewport: { width: 360, height: 740 } });
    await page
      .locator(hasWork ? '[role=row][aria-level]' : '.empty h2')
      .first()
      .waitFor();

    await show(page);

    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  it('moves nothing by itself for whoever wants less motion', async () => {
    const { app, url } = await startInspected(express!);
    const ended = new AbortController();
    const running = app.get(TaskScopes).run(({ tasks }) => addUntil(tasks, ended.signal));
    const page = await open(url, { reducedMotion: 'reduce' });
    await page.locator('[role=row][aria-level]').click();
    await page.locator('.bar.growing').first().waitFor();

    const animations = await page.evaluate('document.getAnimations().length');
    ended.abort();
    await running;

    expect(animations).toBe(0);
  });

  it(
    'holds 10,000 records, of which it renders those in sight, and scrolls through them as through 100',
    { timeout: 90_000 },
    async () => {
      const [few, many] = [await pageWith(100), await pageWith(10_000)];

      const ratios: number[] = [];
      const rendered = { few: 0, many: 0 };
      // In turns: whatever else this machine does slows both down.
      for (let round = 0; round < 5; round++) {
        const [base, frames] = [await scrollThrough(few), await scrollThrough(many)];
        ratios.push(frames.medianMs / base.medianMs);
        rendered.few = Math.max(rendered.few, base.mostRows);
        rendered.many = Math.max(rendered.many, frames.mostRows);
      }
      await many.getByRole('searchbox').fill('task-77');
      await expect.poll(() => rowNames(many)).not.toHaveLength(0);
      const found = await rowNames(many);

      expect(rendered.many).toBe(rendered.few);
      expect(rendered.many).toBeLessThan(60);
      expect(found.length).toBeLessThanOrEqual(rendered.many);
      // To render all of them would take a hundred times as long.
      expect(median(ratios)).toBeLessThan(3);
    },
  );
});

/** Opens the page of an application that has so many records, once all of them are there. */
async function pageWith(records: number): Promise<Page> {
  const { app, url } = await startInspected(express!, { inspector: { unsafe: 'loopback-only', capacity: records } });
  const scopes = app.get(TaskScopes);
  for (let run = 0; run < records; run++) {
    await scopes.run(({ tasks }) => tasks.with({ name: `task-${run}` }).addTask(() => undefined));
  }
  const page = await open(url);
  await expect
    .poll(() => page.getByRole('treegrid').getAttribute('aria-rowcount'), { timeout: 40_000 })
    .toBe(String(records + 1));
  return page;
}

/** Scrolls on by a view in each of 60 frames, and from the end to the beginning: each shows other rows than the last. */
async function scrollThrough(page: Page): Promise<{ medianMs: number; mostRows: number }> {
  await page.bringToFront();
  const { frames, mostRows } = await page.evaluate<{ frames: number[]; mostRows: number }>(`(async () => {
    const body = document.querySelector('.list-body');
    const frames = [];
    let mostRows = 0;
    let last = performance.now();
    for (let step = 1; step <= 60; step++) {
      body.scrollTop = (step * body.clientHeight) % (body.scrollHeight - body.clientHeight);
      await new Promise(requestAnimationFrame);
      frames.push(performance.now() - last);
      mostRows = Math.max(mostRows, body.querySelectorAll('[role=row]').length);
      last = performance.now();
    }
    return { frames, mostRows };
  })()`);
  return { medianMs: median(frames), mostRows };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function shopWithWork(): Promise<RunningApp> {
  const running = await startInspected(express!, shop);
  await fetch(`${running.url}/reports/7`, { method: 'POST' });
  await fetch(`${running.url}/imports`, { method: 'POST' });
  await fetch(`${running.url}/orders`, { method: 'POST' });
  await recordsOf(running);
  return running;
}

function addUntil(tasks: BackgroundTasks, signal: AbortSignal): void {
  tasks.addTask(() => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())));
}
