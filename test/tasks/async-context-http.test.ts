import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { context, createContextKey } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { ClsModule, ClsService } from 'nestjs-cls';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { settled } from '../../src/testing/index.js';
import { ContextController, RequestContext, Sightings } from '../support/context.controller.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';

type Next = () => void;

interface Library {
  readonly library: string;
  readonly metadata: ModuleMetadata;
  readonly configure?: (app: INestApplication) => void;
}

const storage = new AsyncLocalStorage<string>();
const key = createContextKey('id');

const libraries: readonly Library[] = [
  {
    library: 'AsyncLocalStorage',
    metadata: { providers: [{ provide: RequestContext, useValue: { read: () => storage.getStore() } }] },
    configure: (app) =>
      void app.use((request: IncomingMessage, _: unknown, next: Next) => storage.run(idOf(request), next)),
  },
  {
    library: 'nestjs-cls',
    metadata: {
      imports: [
        ClsModule.forRoot({
          global: true,
          middleware: { mount: true, setup: (cls, request: IncomingMessage) => cls.set('id', idOf(request)) },
        }),
      ],
      providers: [
        {
          provide: RequestContext,
          inject: [ClsService],
          useFactory: (cls: ClsService) => ({ read: () => cls.get<unknown>('id') }),
        },
      ],
    },
  },
  {
    library: 'OpenTelemetry',
    metadata: { providers: [{ provide: RequestContext, useValue: { read: () => context.active().getValue(key) } }] },
    configure: (app) => {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      onTestFinished(() => context.disable());
      app.use((request: IncomingMessage, _: unknown, next: Next) =>
        context.with(context.active().setValue(key, idOf(request)), next),
      );
    },
  },
];

describe.each(platforms)('B17 the async context in tasks on $name', (platform) => {
  describe.each(libraries)('of $library', (library) => {
    it('is the one of the request in 150 requests at a time', async () => {
      const { app, url, sightings } = await start(platform, library);
      const requests = Array.from({ length: 150 }, async (_, index) => {
        const response = await fetch(`${url}/${index % 2 ? 'plain' : 'later'}`, { headers: { 'x-id': `id-${index}` } });
        await response.text();
      });
      await Promise.all(requests);
      await settled(app);
      expect(sightings.seen).toHaveLength(75 * 2 + 75 * 4);
      expect(sightings.mismatches).toEqual([]);
    });

    it('is the one of the request after its client has left', async () => {
      const { app, port, sightings } = await start(platform, library);
      for (let index = 0; index < 20; index++) {
        const id = `gone-${index}`;
        const client = (await RawClient.connect(port)).write(raw('/held', id));
        await sightings.timeline.until(`handling ${id}`);
        client.destroy();
        await sightings.timeline.until(`gone ${id}`);
        sightings.gate(id).resolve();
      }
      await settled(app);
      expect(sightings.seen).toHaveLength(20 * 4);
      expect(sightings.mismatches).toEqual([]);
    });

    it('is the one of the request for pipelined requests that end in another order', async () => {
      const { app, port, sightings } = await start(platform, library);
      const ids = ['one', 'two', 'three'];
      const client = (await RawClient.connect(port)).write(ids.map((id) => raw('/held', id)).join(''));
      for (const id of ids) await sightings.timeline.until(`handling ${id}`);
      for (const id of ids.toReversed()) sightings.gate(id).resolve();
      await client.receive('three');
      await settled(app);
      expect(sightings.seen).toHaveLength(3 * 4);
      expect(sightings.mismatches).toEqual([]);
    });

    it('is the one of the request for pipelined requests whose client has left', async () => {
      const { app, port, sightings } = await start(platform, library);
      const ids = ['one', 'two', 'three'];
      const client = (await RawClient.connect(port)).write(ids.map((id) => raw('/held', id)).join(''));
      for (const id of ids) await sightings.timeline.until(`handling ${id}`);
      client.destroy();
      for (const id of ids) await sightings.timeline.until(`gone ${id}`);
      for (const id of ids.toReversed()) sightings.gate(id).resolve();
      await settled(app);
      expect(sightings.seen).toHaveLength(3 * 4);
      expect(sightings.mismatches).toEqual([]);
    });
  });
});

async function start(platform: Platform, { metadata, configure }: Library) {
  const sightings = new Sightings();
  const { app, url, port } = await startApp(platform, {
    ...metadata,
    providers: [...(metadata.providers ?? []), { provide: Sightings, useValue: sightings }],
    controllers: [ContextController],
    configure: (created) => configure?.(created),
  });
  return { app, url, port, sightings };
}

function idOf(request: IncomingMessage): string {
  return String(request.headers['x-id']);
}

function raw(path: string, id: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: test\r\nX-Id: ${id}\r\n\r\n`;
}
