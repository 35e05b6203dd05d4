import { Controller, Get, Inject, Injectable, type Provider, Scope, type Type } from '@nestjs/common';
import { InstanceWrapper } from '@nestjs/core/internal';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { rawOf } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('a route that uses nothing of this package on $name', (platform) => {
  it('has no more listeners than without the package being touched, where one that adds a task has', async () => {
    const listeners: Record<string, number> = {};
    const { app, url } = await startApp(platform, {
      controllers: [Plain, WithTask],
      configure: (server) =>
        server.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
          next();
          // Handlers have run by now; what they left on the response is counted before it is sent.
          queueMicrotask(() => (listeners[request.url!] = countListeners(rawOf(response))));
        }),
    });

    await fetchText(`${url}/plain`);
    await fetchText(`${url}/with-task`);
    await settled(app);

    expect(listeners['/with-task']).toBe(listeners['/plain']! + 2);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });
});

describe.each(platforms)('the end of a request on $name', (platform) => {
  it('looks at as many of the injector’s records with 1,000 registered providers as with 10', async () => {
    const calls = [await callsPerRequest(10), await callsPerRequest(1_000)];

    expect(calls[0]).toBeGreaterThan(0);
    expect(calls[1]).toBe(calls[0]);
  });

  async function callsPerRequest(registered: number): Promise<number> {
    const disposed: string[] = [];
    const { app, url } = await startApp(platform, {
      controllers: [UsesThree],
      providers: providers(registered, disposed),
    });
    await fetchText(`${url}/three`);
    await settled(app);
    const spies = (['getInstanceByContextId', 'getExistingInstancesByContextId'] as const).map((method) =>
      vi.spyOn(InstanceWrapper.prototype, method),
    );
    onTestFinished(() => spies.forEach((spy) => spy.mockRestore()));
    await fetchText(`${url}/three`);
    await settled(app);
    const calls = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    expect(disposed.toSorted()).toEqual(['p0', 'p0', 'p1', 'p1', 'p2', 'p2']);
    return calls;
  }
});

function countListeners(response: ServerResponse): number {
  return response.listenerCount('finish') + response.listenerCount('close');
}

function providers(count: number, disposed: string[]): Provider[] {
  return Array.from({ length: count }, (_, index) => {
    const useClass: Type = class {
      onRequestDispose(): void {
        disposed.push(`p${index}`);
      }
    };
    Injectable({ scope: Scope.REQUEST })(useClass);
    return { provide: `p${index}`, useClass, scope: Scope.REQUEST };
  });
}

@Controller('plain')
class Plain {
  @Get()
  get(): string {
    return 'plain';
  }
}

@Controller('with-task')
class WithTask {
  @Get()
  get(@Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(() => undefined);
    return 'with task';
  }
}

@Controller('three')
class UsesThree {
  constructor(
    @Inject('p0') readonly p0: object,
    @Inject('p1') readonly p1: object,
    @Inject('p2') readonly p2: object,
  ) {}

  @Get()
  get(): string {
    return 'three';
  }
}
