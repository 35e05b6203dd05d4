import { Controller, Get, Query, Res, StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import type { FrameworkResponse } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { scaled } from '../support/scale.js';
import { seededRandom } from '../support/seeded-random.js';

const seed = Number(process.env.FAULT_SEED ?? 20_261_124);
const pipelined = 3;
const clients = Math.ceil(scaled(450, 10_000) / pipelined);
const timeoutMs = scaled(15_000, 300_000);

describe.each(platforms)('B10 exactly once on $name', (platform) => {
  it(
    `runs each task once, whenever the clients leave (seed ${seed})`,
    async () => {
      const { app, port } = await startApp(platform, {
        controllers: [Accepting],
        options: { shutdownTimeoutMs: 5_000 },
      });
      const { added, runs } = app.get(Accepting);
      const random = seededRandom(seed);
      const paths = ['json', 'manual', 'file', 'iterable', 'error'];

      for (let client = 0; client < clients; client++) {
        const id = (index: number) => `${client}.${index}`;
        const requests = Array.from(
          { length: pipelined },
          (_, index) => `GET /${paths[Math.floor(random() * paths.length)]}?id=${id(index)}`,
        );
        const raw = await RawClient.connect(port);
        raw.request(...requests);
        for (let turns = Math.floor(random() * 20); turns > 0; turns--) await new Promise(setImmediate);
        raw.destroy();
      }
      const last = await RawClient.connect(port);
      await last.request('GET /json?id=last').receive('200 OK');
      // Takes no more connections, and waits for the requests and the tasks of those that are left.
      await app.get(BackgroundTasksHost).drain();

      const { accepted, succeeded } = app.get(BackgroundTasksHost).stats();
      expect(added.size).toBeGreaterThan(clients / 2);
      expect({ accepted, succeeded }).toEqual({ accepted: added.size, succeeded: added.size });
      expect([...runs.values()].filter((times) => times !== 1)).toEqual([]);
      expect([...runs.keys()].sort()).toEqual([...added].sort());
    },
    timeoutMs,
  );
});

@Controller()
class Accepting {
  readonly added = new Set<string>();
  readonly runs = new Map<string, number>();

  @Get('json')
  json(@Query('id') id: string, @Tasks() tasks: BackgroundTasks): object {
    this.#add(tasks, id);
    return { id };
  }

  @Get('manual')
  async manual(
    @Query('id') id: string,
    @Res() response: FrameworkResponse,
    @Tasks() tasks: BackgroundTasks,
  ): Promise<void> {
    this.#add(tasks, id);
    await new Promise(setImmediate);
    response.status(200).send(id);
  }

  @Get('file')
  file(@Query('id') id: string, @Tasks() tasks: BackgroundTasks): StreamableFile {
    this.#add(tasks, id);
    return new StreamableFile(Readable.from(['x'.repeat(100_000), 'y'.repeat(100_000)]));
  }

  @Get('iterable')
  async *iterable(@Query('id') id: string, @Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    this.#add(tasks, id);
    yield 'one';
    await new Promise(setImmediate);
    yield 'two';
  }

  @Get('error')
  error(@Query('id') id: string, @Tasks() tasks: BackgroundTasks): never {
    this.#add(tasks, id);
    throw new Error('on purpose');
  }

  #add(tasks: BackgroundTasks, id: string): void {
    this.added.add(id);
    tasks.with({ runOn: 'always' }).addTask(() => this.runs.set(id, (this.runs.get(id) ?? 0) + 1));
  }
}
