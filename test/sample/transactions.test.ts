import { existsSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { Client } from 'pg';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findPostgres } from '../../sample/find-postgres.js';
import { axeViolations } from '../support/axe.js';
import { isAlive } from '../support/bullmq-sample.js';
import { useChromium } from '../support/chromium.js';
import { preparePostgres } from '../support/postgres.js';
import { useServer } from '../support/servers.js';
import {
  entriesOf,
  sharedTransactionsSample,
  startTransactionsSample,
  type TransactionsSample,
} from '../support/transactions-sample.js';

describe('The sample of transactions', () => {
  const sample = sharedTransactionsSample();

  it('stores an order, and its tasks write an invoice and an audit entry', async () => {
    const before = await sample().stored();

    const answer = await sample().order();
    const { orderId } = (await answer.json()) as { orderId: number };
    const after = await whenDone(sample());

    expect(answer.status).toBe(201);
    expect(after.orders).toEqual([orderId, ...before.orders]);
    expect(after.invoices).toEqual([orderId, ...before.invoices]);
    expect(entriesOf(after) - entriesOf(before)).toBe(1);
  });

  it('answers 500 when the COMMIT fails, and has neither the order nor what its tasks would have written', async () => {
    const before = await sample().stored();

    const failed = await sample().order({ replacesId: 0 });
    // Its tasks would have been taken before those of this one.
    const next = (await (await sample().order()).json()) as { orderId: number };
    const after = await whenDone(sample());

    expect(failed.status).toBe(500);
    expect(sample().log).toMatch(/query: 'COMMIT'/);
    expect(sample().log).toMatch(/Discarded "send-invoice", "write-audit": POST \/orders failed\./);
    expect(after.orders).toEqual([next.orderId, ...before.orders]);
    expect(after.invoices).toEqual([next.orderId, ...before.invoices]);
    expect(entriesOf(after) - entriesOf(before)).toBe(1);
  });

  it('writes the audit entries of 100 orders by a few INSERTs', async () => {
    const before = await sample().stored();

    const answers = await Promise.all(Array.from({ length: 100 }, () => sample().order()));
    const after = await whenDone(sample());

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(after.orders.length - before.orders.length).toBe(100);
    expect(after.invoices).toEqual(after.orders);
    expect(entriesOf(after) - entriesOf(before)).toBe(100);
    expect(after.inserts.length - before.inserts.length).toBeLessThan(50);
  });

  it('refuses an order that cannot be read, and stores nothing', async () => {
    const before = await sample().stored();

    const answer = await sample().order({ replacesId: 'none' as unknown as number });

    expect(answer.status).toBe(400);
    expect(await sample().stored()).toEqual(before);
  });
});

describe('The page of the sample of transactions', () => {
  const sample = sharedTransactionsSample();
  const browser = useChromium();

  it('shows what each button leads to', async () => {
    const page = await open(browser().newPage({ bypassCSP: true, viewport: { width: 360, height: 740 } }));
    await page.goto(sample().url);
    const seen: unknown[] = [];
    for (const name of ['Order', 'Order, and let the COMMIT fail', '100 orders']) {
      await page.getByRole('button', { name, exact: true }).click();
      await page.locator('button:not([aria-disabled=true])').first().waitFor();
      seen.push([(await page.getByRole('status').textContent())!.replace(/\d+ ms/, '? ms'), await countsOf(page)]);
    }
    const statements = Number(await page.locator('#statements').textContent());

    expect(seen).toEqual([
      ['201 after ? ms · Order 1 is committed.', ['1', '1', '1']],
      ['500 after ? ms · The COMMIT failed: nothing was stored, and no task will run.', ['1', '1', '1']],
      ['201 after ? ms · 100 orders were sent.', ['101', '101', '101']],
    ]);
    expect(statements).toBe((await sample().stored()).inserts.length);
    expect(await page.locator('#orders li').first().textContent()).toBe('102');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(await axeViolations(page)).toEqual([]);
  });
});

describe('The PostgreSQL of the sample of transactions', () => {
  const server = useServer(preparePostgres);

  it('is started for it where there is none, and is removed with its files at Ctrl+C', async () => {
    const sample = await startTransactionsSample();
    const postgres = Number((await sample.printed(/Started postgres as process (\d+)/))[1]);
    const folder = await readlink(`/proc/${postgres}/cwd`);
    const before = [isAlive(postgres), existsSync(folder)];

    const exit = await sample.interrupt();

    expect(exit).toEqual({ code: 0, signal: null });
    expect(before).toEqual([true, true]);
    expect([isAlive(postgres), existsSync(folder)]).toEqual([false, false]);
  });

  it('is that of DATABASE_URL, which keeps the orders', async () => {
    const first = await startTransactionsSample({ DATABASE_URL: server().url });
    await first.order();
    const stored = await whenDone(first);
    await first.stop();

    const second = await startTransactionsSample({ DATABASE_URL: server().url });

    expect(await second.stored()).toEqual(stored);
    expect(second.log).not.toContain('Started postgres');
  });

  it('has both tasks in the transaction of the order when that commits', async () => {
    const sample = await startTransactionsSample({ DATABASE_URL: server().url });
    const client = new Client(server().url);
    await client.connect();
    onTestFinished(() => client.end());
    await client.query(`
      create table seen (name text);
      create function see() returns trigger language plpgsql as $$ begin
        insert into seen select name from bullmq.job where xmin = pg_current_xact_id()::xid;
        return null;
      end $$;
      create constraint trigger see after insert on sample_order deferrable initially deferred
      for each row execute function see()`);

    await sample.order();
    await whenDone(sample);

    const { rows } = await client.query('select name from seen order by name');
    expect(rows).toEqual([{ name: 'send-invoice' }, { name: 'write-audit' }]);
  });

  it('is said to be missing in one sentence where it is not installed', async () => {
    await expect(findPostgres(undefined, ['/nowhere'])).rejects.toThrow(
      /^This sample needs PostgreSQL: install it \(.*\), or set DATABASE_URL\.$/,
    );
  });
});

/** What is stored when the tasks of all orders have run. */
async function whenDone(sample: TransactionsSample) {
  await expect
    .poll(
      async () => {
        const stored = await sample.stored();
        return [stored.invoices.length, entriesOf(stored)].map((count) => stored.orders.length - count);
      },
      { timeout: 20_000 },
    )
    .toEqual([0, 0]);
  return sample.stored();
}

/** The numbers of orders, invoices and audit entries that the page shows. */
function countsOf(page: Page): Promise<string[]> {
  return page.locator('.count').allTextContents();
}

/** A page that must not throw, and is closed with the test. */
async function open(opening: Promise<Page>): Promise<Page> {
  const page = await opening;
  const errors: Error[] = [];
  page.on('pageerror', (error) => errors.push(error));
  onTestFinished(async () => {
    await page.close();
    expect(errors).toEqual([]);
  });
  return page;
}
