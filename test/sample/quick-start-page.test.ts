import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useChromium } from '../support/chromium.js';
import { startHeldServer } from '../support/held-server.js';
import { samplePlatforms, sharedQuickStart, startQuickStart } from '../support/quick-start.js';

const browser = useChromium();

describe.each(samplePlatforms)('The page of the quick start on %s', (PLATFORM) => {
  const sample = sharedQuickStart({ PLATFORM });

  it.each([
    ['users', 'Create user', '201', ['Mailer.sendVerification'], []],
    ['items', 'Create item', '201', ['writeAuditEntry'], ['DbSession', 'Transaction']],
    ['orders', 'Notify', '202', ['Webhook.announce'], ['HttpClient']],
    ['report', 'Write report', '202', ['ReportFile.append'], ['ReportFile']],
  ])(
    'shows the answer of %s when "%s" is pressed, and leads to its life in the inspector',
    async (id, button, status, tasks, resources) => {
      const page = await open(sample().url);

      await page.getByRole('button', { name: button }).click();
      const inspector = await inspectorOf(page, id);
      await inspector.locator('.list-body [role=row]:not(.open)').first().click();

      expect(await page.locator(`#${id} [role=status]`).textContent()).toMatch(new RegExp(`^${status} after \\d+ ms`));
      expect(await spansOf(inspector, 'task')).toEqual(tasks);
      expect(await spansOf(inspector, 'resource')).toEqual(expect.arrayContaining(resources));
    },
  );

  it('shows the answer while the task still runs', async () => {
    const webhook = await startHeldServer(204);
    const { url } = await startQuickStart({ PLATFORM, WEBHOOK_URL: webhook.url });
    const page = await open(url);

    await page.getByRole('button', { name: 'Notify' }).click();
    await webhook.received;
    const inspector = await inspectorOf(page, 'orders');
    const answer = await page.locator('#orders [role=status]').textContent();
    await inspector.locator('[role=row]', { hasText: 'working' }).waitFor();
    webhook.answer();
    await inspector.locator('.list-body [role=row]:not(.open)').waitFor();

    expect(answer).toMatch(/^202 after \d+ ms/);
  });

  it('breaks no word on a screen of 360 px, and is not wider than it', async () => {
    const page = await open(sample().url, { width: 360, height: 740 });

    for (const id of ['users', 'items', 'orders', 'report']) {
      await page.locator(`#${id} button`).click();
      await page.locator(`#${id} .answer a`).waitFor();
    }

    expect(await brokenWordsOf(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  it('says who was refused, and why', async () => {
    const page = await open(sample().url);

    const answers: (string | null)[] = [];
    for (const user of ['Bearer bob-token', 'Bearer nonsense']) {
      await page.getByLabel('Signed in as').selectOption(user);
      await page.getByRole('button', { name: 'Write report' }).click();
      await page.locator('#report .answer a').waitFor();
      answers.push(await page.locator('#report [role=status]').textContent());
    }

    expect(answers).toEqual([
      expect.stringMatching(/^404 after \d+ ms · Bob's tenant has no settings file\. See its life$/),
      expect.stringMatching(/^401 after \d+ ms · Nobody has this token\. See its life$/),
    ]);
  });
});

/** Opens a page that must not throw. */
async function open(url: string, viewport = { width: 1280, height: 720 }): Promise<Page> {
  const page = await browser().newPage({ viewport });
  watch(page);
  await page.goto(url);
  return page;
}

/** Follows the link to the life of the request. */
async function inspectorOf(page: Page, id: string): Promise<Page> {
  const popup = page.waitForEvent('popup');
  await page.locator(`#${id} .answer a`).click();
  const inspector = await popup;
  watch(inspector);
  return inspector;
}

function watch(page: Page): void {
  const errors: Error[] = [];
  page.on('pageerror', (error) => errors.push(error));
  onTestFinished(async () => {
    await page.close();
    expect(errors).toEqual([]);
  });
}

function spansOf(inspector: Page, kind: 'task' | 'resource'): Promise<string[]> {
  return inspector.locator(`.span.${kind} .label .name`).allTextContents();
}

/** The words, whole runs of letters and digits, that stand on more than one line. */
function brokenWordsOf(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const broken = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      for (const { 0: word, index } of text.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
        const range = new Range();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        if (range.getClientRects().length > 1) broken.push(word);
      }
    }
    return broken;
  })()`);
}
