import { Controller, Delete, Get, HttpCode, NotFoundException, Param, Post, Res, Sse } from '@nestjs/common';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  currentTask,
  defineTask,
  type Handles,
  TaskHandler,
  TaskReports,
  Tasks,
} from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';

const Export = defineTask({ name: 'export' });

describe.each(platforms)('B41 reports over HTTP on $name', (platform) => {
  it('lead from a 202 and its Location to the state, a stream of the progress, and the result', async () => {
    const gate = deferred();
    const { url } = await start(gate.promise);

    const created = await fetch(`${url}/exports`, { method: 'POST' });
    const location = created.headers.get('location')!;
    const events = await openEvents(`${url}${location}/events`);
    const running: unknown = await (await fetch(`${url}${location}`)).json();
    gate.resolve();
    const all = await events.rest();

    expect(created.status).toBe(202);
    expect(running).toMatchObject({ state: 'running', progress: 50 });
    expect(all.at(-1)).toMatchObject({ state: 'succeeded', result: { file: 'orders.csv' } });
    expect((await fetch(`${url}/exports/42`)).status).toBe(404);
  });

  it('end a task that its client cancels', async () => {
    const { url } = await start(new Promise(() => undefined));
    const created = await fetch(`${url}/exports`, { method: 'POST' });
    const location = created.headers.get('location')!;
    const events = await openEvents(`${url}${location}/events`);

    const answer = await (await fetch(`${url}${location}`, { method: 'DELETE' })).text();

    expect(answer).toBe('requested');
    expect((await events.rest()).at(-1)).toMatchObject({ state: 'cancelled' });
  });

  async function start(gate: Promise<unknown>) {
    @TaskHandler(Export)
    class ExportHandler implements Handles<typeof Export> {
      async run(): Promise<unknown> {
        const { signal } = currentTask();
        currentTask().progress(50);
        const aborted = new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
        await Promise.race([gate, aborted]);
        return { file: 'orders.csv' };
      }
    }
    return startApp(platform, {
      controllers: [ExportsController],
      providers: [ExportHandler],
      options: { keepReports: 10 },
    });
  }
});

@Controller('exports')
class ExportsController {
  constructor(private readonly reports: TaskReports) {}

  @Post()
  @HttpCode(202)
  create(
    @Tasks() tasks: BackgroundTasks,
    @Res({ passthrough: true }) response: { header(name: string, value: string): unknown },
  ) {
    const { id } = tasks.enqueue(Export, {});
    response.header('location', `/exports/${id}`);
    return { id };
  }

  @Get(':id')
  async find(@Param('id') id: string) {
    const report = await this.reports.find(id);
    if (!report) throw new NotFoundException();
    return report;
  }

  @Sse(':id/events')
  watch(@Param('id') id: string) {
    return this.reports.watch(id).pipe(map((report) => ({ data: report })));
  }

  @Delete(':id')
  cancel(@Param('id') id: string) {
    return this.reports.cancel(id);
  }
}

/** Opens an event stream, and has its first running report when it resolves. */
async function openEvents(url: string) {
  const { body } = await fetch(url);
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('"progress":50')) text += (await reader.read()).value;
  return {
    /** Resolves with the data of all events once the server has ended the stream. */
    async rest(): Promise<unknown[]> {
      for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
      return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as unknown);
    },
  };
}
