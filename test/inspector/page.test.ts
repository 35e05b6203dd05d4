import { Controller, Get, InternalServerErrorException, Post } from '@nestjs/common';
import type { Server } from 'node:http';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BackgroundTasks, Tasks, TaskScopes } from '../../src/index.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { shop } from '../support/inspected-app.js';
import { recordsOf, startInspected } from '../support/inspector.js';
import { rowNames, sharedBrowser } from '../support/inspector-page.js';
import { platforms, type RunningApp } from '../support/platforms.js';

const open = sharedBrowser();
const [express] = platforms;

describe.each(platforms)('the page on $name', (platform) => {
  it('shows a request that comes in, and how it goes on, without a reload', async () => {
    const held = deferred();
    const running = await startInspected(platform, { controllers: [deedsController(held)] });
    const page = await open(running.url);
    await page.getByText('Nothing has happened yet').waitFor();

    await fetch(`${running.url}/deeds`, { method: 'POST' });
    await page.locator('[role=row]', { hasText: 'working' }).waitFor();
    await page.locator('.strip', { hasText: /Running1/ }).waitFor();
    held.resolve();
    await page.locator('[role=row]:not(.open)', { hasText: '/deeds' }).waitFor();

    expect(await page.locator('[role=row] .dots').last().textContent()).toBe('1 succeeded');
  });

  it('draws every bar where its recorded times say, and the line where the response left', async () => {
    const running = await startInspected(platform, shop);
    await fetch(`${running.url}/orders`, { method: 'POST' });
    const order = (await recordsOf(running)).find(({ kind }) => kind === 'http')!;
    const page = await open(running.url, { search: `?id=${order.id}` });
    await page.locator('.waterfall').waitFor();

    const length = order.closedAt! - order.begunAt;
    const part = (at: number) => (at - order.begunAt) / length;
    const session = order.resources[0]!;
    const receipt = order.tasks[0]!;
    const lane = await boxOf(page, '[data-span=handler] .bars');
    const expected = {
      line: part(order.response!.at),
      handler: [0, part(order.handlerEndedAt!)],
      receipt: [part(receipt.attempts[0]!.startedAt), part(receipt.settledAt!)],
      session: [part(order.response!.at), part(session.releasingAt!)],
    };
    const line = await boxOf(page, '[data-testid=response-line]');
    const drawn = {
      line: (line.x + line.width / 2 - lane.x) / lane.width,
      handler: await edges(page, '[data-span=handler] [data-look=handler]', lane),
      receipt: await edges(page, `[data-span="task:${receipt.id}"] [data-look=run]`, lane),
      session: await edges(page, `[data-span="resource:${order.id}:${session.id}"] .held.after`, lane),
    };

    // Two pixels of a lane.
    const tolerance = 2 / lane.width;
    for (const name of ['handler', 'receipt', 'session'] as const) {
      expect(drawn[name][0] - expected[name][0]!, name).toSatisfy((off: number) => Math.abs(off) <= tolerance);
      expect(drawn[name][1] - expected[name][1]!, name).toSatisfy((off: number) => Math.abs(off) <= tolerance);
    }
    expect(Math.abs(drawn.line - expected.line)).toBeLessThanOrEqual(tolerance);
  });

  it('says in words what runs past the response, and what is folded', async () => {
    const running = await startInspected(platform, shop);
    await fetch(`${running.url}/orders`, { method: 'POST' });
    const order = (await recordsOf(running)).find(({ kind }) => kind === 'http')!;
    const page = await open(running.url, { search: `?id=${order.id}` });
    const words = (name: string) => page.locator('.span', { hasText: name }).first().locator('.words').textContent();
    await page.locator('.waterfall').waitFor();

    expect(await words('Mailer.sendReceipt')).toMatch(/^ran \d+ ms, done \d+ ms after the response$/);
    expect(await words('notify-warehouse')).toMatch(/^ran \d+ ms in 3 attempts, done \d+ ms after the response$/);
    expect(await words('refund')).toBe('the request succeeded, and it is for a failure');
    expect(await words('Transaction')).toMatch(/^released \d.* ms before the response$/);
    expect(await page.locator(`[data-span^="resource:${order.id}:1"] .words`).textContent()).toMatch(
      /^held \d+ ms after the response$/,
    );
    expect(await page.locator('.span', { hasText: 'write-audit' }).count()).toBe(1);
    await page.locator('.span', { hasText: 'write-audit × 4' }).click();
    expect(await page.locator('.span', { hasText: 'write-audit' }).count()).toBe(5);
  });

  it('shows an error with its cause and the line that added the task, beside the waterfall', async () => {
    const running = await startInspected(platform, shop);
    await fetch(`${running.url}/reports/7`, { method: 'POST' });
    await recordsOf(running);
    const page = await open(running.url);

    await page.locator('[role=row]', { hasText: '/reports/:id' }).click();
    await page.locator('.span', { hasText: 'Mailer.sendReport' }).click();

    const facts = await page.locator('.facts').textContent();
    expect(facts).toContain('the report could not be sent');
    expect(facts).toContain('connect ECONNREFUSED 10.0.0.7:25');
    expect(facts).toMatch(/at ShopController\.report \(.*inspected-app\.ts:\d+:\d+\)/);
  });

  it('says the same as a table', async () => {
    const running = await startInspected(platform, shop);
    await fetch(`${running.url}/orders`, { method: 'POST' });
    const order = (await recordsOf(running)).find(({ kind }) => kind === 'http')!;
    const page = await open(running.url, { search: `?id=${order.id}` });
    const wordsOfBars = await page.locator('.span .words').allTextContents();

    await page.keyboard.press('t');

    const wordsOfTable = await page.locator('tbody small').allTextContents();
    expect(new URL(page.url()).searchParams.get('as')).toBe('table');
    expect(wordsOfTable).toHaveLength(wordsOfBars.length + 3);
    expect(wordsOfTable).toEqual(expect.arrayContaining(wordsOfBars.filter((words) => !words.includes('together'))));
  });
});

describe('the filters', () => {
  it.each([
    ['by text', '?q=sendreport', ['POST /reports/:id']],
    ['by the text of an error', '?q=reading%20sku', ['POST /imports']],
    ['by failure', '?only=failed', ['POST /imports', 'POST /reports/:id']],
    ['by route', '?route=GET%20%2Fitems%2F%3Aid', ['GET /items/:id']],
    ['by what is open', '?only=open', []],
  ])('leave %s what the address says', async (_, search, expected) => {
    const page = await open((await shopWithWork()).url, { search });

    await expect.poll(() => rowNames(page)).toEqual(expected);
  });

  it('are kept in the address, and cleared where they leave nothing', async () => {
    const page = await open((await shopWithWork()).url);

    await page.getByRole('searchbox').fill('nonsense');
    await page.getByText('Nothing matches').waitFor();
    const address = new URL(page.url()).search;
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.locator('[role=row]', { hasText: '/imports' }).waitFor();

    expect([address, new URL(page.url()).search]).toEqual(['?q=nonsense', '']);
  });
});

describe('the keyboard', () => {
  it('is enough: rows, a request, its failures, the search and the help', async () => {
    const page = await open((await shopWithWork()).url);
    await page.locator('[role=row]', { hasText: '/imports' }).waitFor();
    const active = () => page.locator('.row.active .what').textContent();
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };

    await press('j', 'j', 'k');
    const moved = [await active(), await page.locator('.detail').count()];
    await press('Enter');
    const opened = await page.locator('.detail h2 .name').textContent();
    await press('Escape', 'n');
    const firstFailure = await page.locator('.detail h2').textContent();
    await press('n');
    const nextFailure = await page.locator('.detail h2').textContent();
    await press('Escape', '/', 'i', 't', 'e', 'm', 's');
    const searched = await rowNames(page);
    await press('Escape', 'Escape', '?');
    const isHelpOpen = await page.locator('dialog[open]').count();
    await press('Escape');

    expect(moved).toEqual([(await rowNames(page))[0], 0]);
    expect(opened).toBe((await rowNames(page))[0]!.split(' ')[1]);
    expect([firstFailure, nextFailure]).toEqual([expect.stringContaining('failed'), expect.stringContaining('failed')]);
    expect(firstFailure).not.toBe(nextFailure);
    expect(searched).toEqual(['GET /items/:id']);
    expect([isHelpOpen, await page.locator('dialog[open]').count()]).toEqual([1, 0]);
  });

  it('unfolds what began in a request, and leads from there to its parent', async () => {
    const running = await startInspected(express!, shop);
    await fetch(`${running.url}/orders`, { method: 'POST' });
    await recordsOf(running);
    const page = await open(running.url);
    await page.locator('[role=row]', { hasText: '/orders' }).waitFor();

    await page.keyboard.press('j');
    await page.keyboard.press('ArrowRight');
    await page.locator('[role=row][aria-level="2"]', { hasText: 'render-invoice' }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const child = await page.locator('.detail h2').textContent();
    await page.keyboard.press('p');
    await page.locator('.detail h2', { hasText: '/orders' }).waitFor();

    expect(child).toContain('render-invoice');
  });
});

describe('the page while something changes', () => {
  it('holds back what is new while it is paused, and counts it', async () => {
    const { app, url } = await startInspected(express!);
    const page = await open(url);
    const add = (name: string) => app.get(TaskScopes).run(({ tasks }) => tasks.with({ name }).addTask(() => undefined));
    await add('first');
    await page.locator('[role=row][aria-level]').waitFor();

    await page.keyboard.press('Space');
    await add('second');
    await add('third');
    await page.getByRole('button', { name: 'Paused · 2 new' }).waitFor();
    const held = await page.locator('[role=row][aria-level]').count();
    await page.keyboard.press('Space');
    await page.locator('[role=row][aria-level] >> nth=2').waitFor();

    expect(held).toBe(1);
  });

  it('counts in its title what came while its tab was hidden', async () => {
    const { app, url } = await startInspected(express!);
    const page = await open(url);
    await page.evaluate(`
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
      document.dispatchEvent(new Event('visibilitychange'));
    `);

    await app.get(TaskScopes).run(({ tasks }) => tasks.addTask(() => undefined));
    await expect.poll(() => page.title()).toBe('(1 new) Background tasks');
    await page.evaluate(`
      delete document.hidden;
      document.dispatchEvent(new Event('visibilitychange'));
    `);
    await expect.poll(() => page.title()).toBe('Background tasks');

    expect(await page.locator('[role=row][aria-level]').count()).toBe(1);
  });

  it('says that the server is away, and goes on by itself when it is back', async () => {
    const first = await startInspected(express!);
    await first.app.get(TaskScopes).run(({ tasks }) => tasks.addTask(() => undefined));
    const page = await open(first.url);
    await page.locator('[role=row][aria-level]').waitFor();

    await first.app.close();
    await page.getByText('The server has shut down.').waitFor();
    const kept = await page.locator('[role=row][aria-level]').count();
    const second = await startInspected(express!, { isListening: false });
    await second.app.listen(first.port, '127.0.0.1');
    await page.locator('.link-state.live').waitFor();
    await page.getByText('Nothing has happened yet').waitFor();

    expect(kept).toBe(1);
  });

  it('says that it is refused when authorize changes its mind', async () => {
    let isAllowed = true;
    const { app, url } = await startInspected(express!, { inspector: { authorize: () => isAllowed } });
    const page = await open(url);

    isAllowed = false;
    (app.getHttpServer() as Server).closeAllConnections();
    await page.getByText('The server refuses this page.').waitFor();

    expect(await page.locator('.link-state').textContent()).toBe('refused');
  });

  it('announces what is new politely', async () => {
    const { app, url } = await startInspected(express!);
    const page = await open(url);

    await app
      .get(TaskScopes)
      .run(({ tasks }) => tasks.addTask(() => Promise.reject(new InternalServerErrorException('no'))));

    await expect.poll(() => page.getByRole('status').textContent()).toMatch(/^1 new/);
  });
});

/** A shop that has had one request of each kind. */
async function shopWithWork(): Promise<RunningApp> {
  const running = await startInspected(express!, shop);
  for (const [method, path] of [
    ['POST', '/reports/7'],
    ['POST', '/imports'],
    ['GET', '/items/7'],
    ['GET', '/admin'],
  ] as const) {
    await fetch(`${running.url}${path}`, { method });
  }
  await recordsOf(running);
  return running;
}

function deedsController(held: Deferred): new () => object {
  onTestFinished(() => held.resolve());

  @Controller('deeds')
  class DeedsController {
    @Post()
    create(@Tasks() tasks: BackgroundTasks): void {
      tasks.with({ name: 'hold' }).addTask(() => held.promise);
    }

    @Get()
    list(): void {}
  }

  return DeedsController;
}

interface Box {
  readonly x: number;
  readonly width: number;
}

async function boxOf(page: Page, selector: string): Promise<Box> {
  return (await page.locator(selector).first().boundingBox())!;
}

/** Where a bar begins and ends, as parts of its lane. */
async function edges(page: Page, selector: string, lane: Box): Promise<[number, number]> {
  const { x, width } = await boxOf(page, selector);
  return [(x - lane.x) / lane.width, (x + width - lane.x) / lane.width];
}
