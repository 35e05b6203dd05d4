import { Controller, Get, Param, Query, Req } from '@nestjs/common';
import fc from 'fast-check';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type BackgroundTask, type BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { Accounts } from '../support/accounts.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

type Ending = 'answered' | 'failed' | 'aborted';

interface Adding {
  readonly runOn: 'success' | 'failure' | 'always';
  readonly onAbort: 'run' | 'skip';
  readonly fails: boolean;
}

describe.each(platforms)('B16 whatever happens to requests on $name', (platform) => {
  it('every task ends in exactly one state, the one its request asked for', async () => {
    const accounts = new Accounts();
    const handles: BackgroundTask[] = [];
    const timeline = new Timeline();
    const gates = new Map<string, Deferred>();

    @Controller()
    class MixedController {
      @Get(':id/:ending')
      async mixed(
        @Param('id') id: string,
        @Param('ending') ending: Ending,
        @Query('adds') adds: string,
        @Req() request: IncomingMessage & { raw?: IncomingMessage },
        @Tasks() tasks: BackgroundTasks,
      ) {
        if (ending === 'aborted') (request.raw ?? request).socket.once('close', () => timeline.note(`gone ${id}`));
        for (const { runOn, onAbort, fails } of JSON.parse(adds) as Adding[]) {
          const work = () => (fails ? Promise.reject(new Error('task')) : undefined);
          handles.push(tasks.with({ name: id, runOn, onAbort }).addTask(work));
        }
        timeline.note(`handling ${id}`);
        if (ending === 'aborted') await gates.get(id)!.promise;
        if (ending === 'failed') throw new Error('handler');
        return {};
      }
    }
    const { app, url, port } = await startApp(platform, {
      controllers: [MixedController],
      options: { observers: [accounts] },
    });
    accounts.host = app.get(BackgroundTasksHost);
    let requests = 0;

    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 12 }), async (plan) => {
        const expected = plan.map(async ({ ending, adds }) => {
          const id = `request-${requests++}`;
          const path = `/${id}/${ending}?adds=${encodeURIComponent(JSON.stringify(adds))}`;
          if (ending === 'aborted') {
            gates.set(id, deferred());
            const client = (await RawClient.connect(port)).request(`GET ${path}`);
            await timeline.until(`handling ${id}`);
            client.destroy();
            await timeline.until(`gone ${id}`);
            gates.get(id)!.resolve();
          } else {
            await (await fetch(url + path)).text();
          }
          return { id, states: adds.map((adding) => stateAfter(ending, adding)) };
        });
        const ends = await Promise.all(expected);
        await settled(app, { throwOnFailure: false });
        for (const { id, states } of ends) {
          expect(handles.filter((handle) => handle.name === id).map((handle) => handle.state)).toEqual(states);
        }
        expect(accounts.violations).toEqual([]);
      }),
      { numRuns: 20 },
    );
    await accounts.close(handles);
    expect(accounts.violations).toEqual([]);
  }, 60_000);
});

function stateAfter(ending: Ending, { runOn, onAbort, fails }: Adding): string {
  const isWanted = runOn === 'always' || (runOn === 'success') === (ending !== 'failed');
  if (!isWanted || (ending === 'aborted' && onAbort === 'skip')) return 'discarded';
  return fails ? 'failed' : 'succeeded';
}

const request = fc.record({
  ending: fc.constantFrom<Ending>('answered', 'failed', 'aborted'),
  adds: fc.array(
    fc.record<Adding>({
      runOn: fc.constantFrom('success', 'failure', 'always'),
      onAbort: fc.constantFrom('run', 'skip'),
      fails: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
});
