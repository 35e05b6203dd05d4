import { Controller, Get } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import type { NamedTaskReport } from '../../src/backend/index.js';
import {
  type BackgroundTasks,
  defineTask,
  type Handles,
  type HandlesBatch,
  TaskHandler,
  Tasks,
} from '../../src/index.js';
import type { ScopeRecord } from '../../src/inspector/records.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { WorkerThreadsModule } from '../../src/worker-threads/index.js';
import { axeViolations } from '../support/axe.js';
import { shop } from '../support/inspected-app.js';
import { recordsOf, startInspected } from '../support/inspector.js';
import { rowNames, sharedBrowser } from '../support/inspector-page.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { namedTaskReport } from '../support/named-task-report.js';
import { platforms } from '../support/platforms.js';
import { inThread } from '../support/threads.js';
import { idsOf, Instrumentation, Traces } from '../support/traces.js';

const open = sharedBrowser();

describe.each(platforms)('the details on $name', (platform) => {
  it('give the id of the trace to copy, of the request and of a task, and the search finds it', async () => {
    const traces = new Traces();
    const options = { tracing: openTelemetryTracing() };
    const running = await startInspected(platform, { ...shop, options, imports: [Instrumentation] });
    await fetch(`${running.url}/items/1`);
    const [item] = await recordsOf(running);
    const { traceId } = idsOf(await traces.one('request'));
    const permissions = ['clipboard-read', 'clipboard-write'];
    const page = await open(running.url, { permissions, search: `?id=${item!.id}` });
    const copied = () => page.evaluate<string>('navigator.clipboard.readText()');
    const copy = page.getByRole('button', { name: 'Copy the id of the trace' });

    await copy.click();
    await page.getByRole('button', { name: 'Copied the id of the trace' }).waitFor();
    const ofRequest = await copied();
    await page.evaluate("navigator.clipboard.writeText('')");
    await page.locator('.span.task').click();
    await copy.click();
    await page.getByRole('button', { name: 'Copied the id of the trace' }).waitFor();
    const ofTask = await copied();
    await page.getByRole('searchbox').fill(traceId);

    expect([ofRequest, ofTask]).toEqual([traceId, traceId]);
    await expect.poll(() => rowNames(page)).toEqual(['GET /items/:id']);
    await fetch(`${running.url}/items/2`);
    await recordsOf(running);
    await expect.poll(() => rowNames(page)).toEqual(['GET /items/:id']);
  });

  it('say nothing of a trace where there is none', async () => {
    const running = await startInspected(platform, shop);
    await fetch(`${running.url}/items/1`);
    const [item] = await recordsOf(running);
    const page = await open(running.url, { search: `?id=${item!.id}` });

    await page.locator('.facts dt', { hasText: 'Id' }).waitFor();

    expect(await page.locator('.facts dt').allTextContents()).not.toContain('Trace');
  });

  it('mark what a thread worked for, in the bars and in the table', async () => {
    const imports = [WorkerThreadsModule.forRoot({ maxRunning: 1 })];
    const running = await startInspected(platform, {
      controllers: [ThreadsController],
      providers: [MailHandler],
      imports,
    });
    await fetch(`${running.url}/threads`);
    const record = (await recordsOf(running)).find(({ kind }) => kind === 'http');
    const page = await open(running.url, { search: `?id=${record!.id}` });

    await page.locator('.span.task').first().waitFor();
    const bars = await page.locator('.span.task .label .name').allTextContents();
    await page.locator('.span.task').first().click();
    const kind = await page.locator('.facts dl > div', { hasText: 'Kind' }).textContent();
    await page.keyboard.press('Escape');
    await page.keyboard.press('t');
    const table = await page.locator('tbody tr[data-span^=task] th').allTextContents();

    expect(bars).toEqual(['compute thread', 'write', 'mail']);
    expect(kind).toBe('Kindclosure of this process, in a thread');
    expect(table.map((text) => text.includes('thread'))).toEqual([true, false, false]);
  });

  it('mark the tasks of a batch, and the last one of a group', async () => {
    const running = await startInspected(platform, {
      controllers: [GroupsController],
      providers: [MailHandler, RowHandler],
    });
    await fetch(`${running.url}/groups`);
    const record = (await recordsOf(running)).find(({ kind }) => kind === 'http');
    const page = await open(running.url, { search: `?id=${record!.id}` });

    await page.locator('.span.task').first().waitFor();
    const bars = await page.locator('.span.task .label .name').allTextContents();
    await page.locator('.span.task').first().click();
    const ofRow = await page.locator('.facts dl > div', { hasText: 'Kind' }).textContent();
    await page.locator('.span.task').last().click();
    const ofLast = await page.locator('.facts dl > div', { hasText: 'Kind' }).textContent();

    expect(bars).toEqual(['row batch of 2', 'row batch of 2', 'mail after 2 tasks']);
    expect(ofRow).toBe('Kindnamed task, in a batch of 2');
    expect(ofLast).toBe('Kindnamed task, waits for 2 other tasks');
  });

  it('tell how the backend has a named task, and again when they are asked', async () => {
    const backend = new Answering();
    const running = await startInspected(platform, {
      ...shop,
      imports: [memoryBackendModule(backend)],
      inspector: { unsafe: 'loopback-only', bullBoard: '/queues' },
    });
    await fetch(`${running.url}/orders`, { method: 'POST' });
    const order = (await recordsOf(running)).find(({ kind }) => kind === 'http')!;
    const { id } = namedTaskOf(order);
    const page = await open(running.url, { search: `?id=${order.id}&span=task:${id}` });
    const fact = page.locator('.facts dl > div', { hasText: 'Backend' });

    await fact.getByText('waiting').waitFor();
    const first = await fact.locator('span').first().textContent();
    const link = await fact.getByRole('link').getAttribute('href');
    backend.answer = async () => ({ state: 'succeeded', attempts: 2 });
    await fact.getByRole('button', { name: 'look again' }).click();
    await fact.getByText('succeeded, 2 attempts').waitFor();
    const linksWithoutJob = await fact.getByRole('link').count();
    backend.answer = async () => undefined;
    await fact.getByRole('button').click();
    await fact.getByText('has no such task, or not any more').waitFor();
    backend.answer = () => Promise.reject(new Error('Redis: the connection was closed'));
    await fact.getByRole('button').click();
    await fact.getByText('Redis: the connection was closed').waitFor();

    expect([first, link, linksWithoutJob]).toEqual(['waiting', `/queues/queue/mail/t${id}`, 0]);
    expect(new Set(backend.asked)).toEqual(new Set([id]));
  });

  it('ask the backend for nothing that ran here', async () => {
    const backend = new Answering();
    const running = await startInspected(platform, { ...shop, imports: [memoryBackendModule(backend)] });
    await fetch(`${running.url}/items/1`);
    const [item] = await recordsOf(running);
    const page = await open(running.url, { search: `?id=${item!.id}&span=task:${item!.tasks[0]!.id}` });

    await page.locator('.facts dt', { hasText: 'Kind' }).waitFor();

    expect(backend.asked).toEqual([]);
  });
});

describe('a chosen task', () => {
  it('is not shown with the state of another one that was chosen before it', async () => {
    const backend = new Answering();
    const running = await startInspected(platforms[0]!, {
      controllers: [TwoController],
      providers: [MailHandler],
      imports: [memoryBackendModule(backend)],
    });
    await fetch(`${running.url}/two`);
    const [record] = await recordsOf(running);
    const [one, two] = record!.tasks.map(({ id }) => id) as [string, string];
    backend.answer = async (id) => (id === one ? { state: 'failed', attempts: 1 } : undefined);
    const page = await open(running.url, { search: `?id=${record!.id}&span=task:${one}` });
    const fact = page.locator('.facts dl > div', { hasText: 'Backend' });

    await fact.getByText('failed').waitFor();
    await page.locator(`[data-span="task:${two}"]`).click();
    await fact.getByText('has no such task').waitFor();
    await page.locator(`[data-span="task:${one}"]`).click();
    await fact.getByText('failed, 1 attempt').waitFor();

    expect(backend.asked).toEqual([one, two, one]);
  });
});

const everyLook = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [1600, 360].map((width) => ({ colorScheme, width })),
);

describe('the details of a task at its backend, and the mark of a thread', () => {
  it.each(everyLook)(
    'have contrast, labels and roles that axe approves of, and fit: $colorScheme, $width px',
    async ({ colorScheme, width }) => {
      const imports = [WorkerThreadsModule.forRoot({ maxRunning: 1 }), memoryBackendModule(new Answering())];
      const running = await startInspected(platforms[0]!, {
        controllers: [ThreadsController],
        providers: [MailHandler],
        imports,
        inspector: { unsafe: 'loopback-only', bullBoard: '/queues' },
      });
      await fetch(`${running.url}/threads`);
      const [record] = await recordsOf(running);
      const page = await open(running.url, {
        colorScheme,
        bypassCSP: true,
        viewport: { width, height: 800 },
        search: `?id=${record!.id}&span=task:${namedTaskOf(record!).id}`,
      });
      await page.getByRole('link', { name: 'bull-board' }).waitFor();
      await page.locator('.mark').waitFor();

      expect(await axeViolations(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    },
  );
});

/** Answers look-ups as the test says. */
class Answering extends MemoryBackend {
  readonly asked: string[] = [];
  answer: (id: string) => Promise<Partial<NamedTaskReport> | undefined> = async (id) => ({
    state: 'waiting',
    attempts: 0,
    job: { queue: 'mail', id: `t${id}` },
  });

  override async findTask(id: string): Promise<NamedTaskReport | undefined> {
    this.asked.push(id);
    const found = await this.answer(id);
    return found && namedTaskReport(found);
  }
}

const Mail = defineTask({ name: 'mail' });

@TaskHandler(Mail)
class MailHandler implements Handles<typeof Mail> {
  run(): void {}
}

const Row = defineTask<{ row: number }>({ name: 'row', batch: { maxSize: 2, maxWaitMs: 0 } });

@TaskHandler(Row)
class RowHandler implements HandlesBatch<typeof Row> {
  runBatch(): void {}
}

@Controller('groups')
class GroupsController {
  @Get()
  get(@Tasks() tasks: BackgroundTasks): void {
    const rows = [1, 2].map((row) => ({ definition: Row, payload: { row } }));
    tasks.enqueueGroup(rows, { then: Mail, payload: {} });
  }
}

@Controller('two')
class TwoController {
  @Get()
  get(@Tasks() tasks: BackgroundTasks): void {
    tasks.enqueue(Mail, {});
    tasks.enqueue(Mail, {});
  }
}

@Controller('threads')
class ThreadsController {
  @Get()
  get(@Tasks() tasks: BackgroundTasks): void {
    tasks.with({ name: 'compute' }).addTask(inThread('busy'), 20);
    tasks.with({ name: 'write' }).addTask(() => undefined);
    tasks.enqueue(Mail, {});
  }
}

function namedTaskOf({ tasks }: ScopeRecord) {
  return tasks.find(({ isNamed }) => isNamed)!;
}
