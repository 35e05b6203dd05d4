import type { INestApplicationContext } from '@nestjs/common';
import { rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defineTask, TaskHandler, TaskScopes } from '../../src/index.js';
import { threadTask, WorkerThreadsModule, type WorkerThreadsModuleOptions } from '../../src/worker-threads/index.js';
import { type Advice, follow, works } from '../support/advice.js';
import { MemoryBackend } from '../support/memory-backend.js';
import { startContext } from '../support/start-context.js';
import { inThread, nextThread, startThreads } from '../support/threads.js';

const Resize = defineTask<string>({ name: 'resize' });
@TaskHandler(Resize)
class ResizeHandler {
  run() {}
}

const advice: readonly Advice[] = [
  {
    code: 'THREAD_CRASHED',
    fix: 'Await everything that the function starts',
    apply: (isFixed) => withThreads({}, async () => expect(await inThread('starts')(isFixed)).toBe('done')),
  },
  {
    code: 'THREAD_CRASHED',
    fix: 'do not call process.exit() in it',
    apply: (isFixed) => withThreads({}, async () => expect(await inThread(isFixed ? 'echo' : 'exits')()).toEqual([])),
  },
  {
    code: 'THREAD_CRASHED',
    fix: 'raise resourceLimits if it needs more memory',
    apply: (isFixed) =>
      withThreads({ resourceLimits: { maxOldGenerationSizeMb: isFixed ? 200 : 20 } }, async () =>
        expect(await inThread('fills')(60)).toBe(60),
      ),
  },
  {
    code: 'THREAD_CANCELLED',
    fix: 'Give it less to do',
    apply: (isFixed) => busyFor(isFixed ? 0 : 60_000, 500),
  },
  {
    code: 'THREAD_CANCELLED',
    fix: 'raise timeoutMs',
    apply: (isFixed) => busyFor(100, isFixed ? 10_000 : 10),
  },
  {
    code: 'THREAD_CANCELLED',
    fix: 'or shutdownTimeoutMs',
    apply: async (isFixed) => {
      const { app, scopes } = await startThreads({}, { shutdownTimeoutMs: isFixed ? 20_000 : 1 });
      let calling: Promise<unknown> | undefined;
      const begun = nextThread();
      void scopes.run(({ tasks }) => void tasks.addTask(() => (calling = inThread('announcesAndEnds')())));
      await begun;
      const closing = app.close();
      await calling;
      await closing;
    },
  },
  {
    code: 'THREAD_QUEUE_FULL',
    fix: 'Raise maxPending if there is enough memory',
    apply: (isFixed) =>
      withThreads({ maxRunning: 1, maxPending: isFixed ? 1 : 0 }, async () => {
        const [first, second] = await Promise.allSettled([inThread('busy')(20), inThread('busy')(0)]);
        expect(first.status).toBe('fulfilled');
        if (second.status === 'rejected') throw second.reason as Error;
      }),
  },
  {
    code: 'THREAD_QUEUE_FULL',
    fix: 'or move the work to other machines',
    apply: async (isFixed) => {
      const backend = new MemoryBackend();
      const { app, scopes } = await startContext({
        imports: [WorkerThreadsModule.forRoot({ maxRunning: 1, maxPending: 0 })],
        providers: [ResizeHandler],
        options: { backend },
      });
      try {
        const busy = inThread('busy')(20);
        if (isFixed) await scopes.run(({ tasks }) => void tasks.enqueue(Resize, 'A-1'));
        else await Promise.all([inThread('busy')(0), busy]);
        await busy;
        expect(backend.names).toEqual([['resize']]);
      } finally {
        await app.close();
      }
    },
  },
  {
    code: 'THREAD_VALUE_NOT_CLONEABLE',
    fix: 'Use plain data, Buffers and typed arrays, Map, Set, Date and errors',
    apply: (isFixed) =>
      withThreads({}, async () => {
        const data = [Buffer.from('a'), new Uint8Array(1), new Map([['b', new Set([new Date(0)])]]), new Error('c')];
        expect(await inThread('echo')(isFixed ? data : () => data)).toEqual([data]);
      }),
  },
  {
    code: 'THREAD_VALUE_NOT_CLONEABLE',
    fix: 'Open files, sockets and clients in the thread',
    apply: (isFixed) =>
      withThreads({}, async () => {
        const path = temporaryFile('12345');
        expect(await (isFixed ? inThread('fileSize')(path) : inThread('echo')(new Socket()))).toBe(5);
      }),
  },
  {
    code: 'THREAD_ARGUMENTS_TOO_LARGE',
    fix: 'Raise maxArgumentBytes',
    apply: (isFixed) =>
      withThreads({ maxArgumentBytes: isFixed ? 2_000 : 500 }, async () =>
        expect(await inThread('isBuffer')(Buffer.alloc(1_000))).toBe(true),
      ),
  },
  {
    code: 'THREAD_ARGUMENTS_TOO_LARGE',
    fix: 'pass the path of a file and read it there',
    apply: (isFixed) =>
      withThreads({ maxArgumentBytes: 500 }, async () => {
        const content = 'x'.repeat(1_000);
        expect(await inThread('fileSize')(isFixed ? temporaryFile(content) : content)).toBe(1_000);
      }),
  },
  {
    code: 'THREAD_MODULE_NOT_LOADED',
    fix: 'check that the URL names a JavaScript file in the output of the build',
    apply: (isFixed) =>
      withThreads({}, async () => {
        const file = isFixed ? 'functions.mjs' : 'functions.ts';
        expect(await threadTask(new URL(`../worker-threads/fixtures/${file}`, import.meta.url), 'add')(1, 2)).toBe(3);
      }),
  },
  {
    code: 'UNKNOWN_THREAD_EXPORT',
    fix: 'Name one that it exports itself; there are',
    apply: (isFixed) => withThreads({}, async () => expect(await inThread(isFixed ? 'add' : 'ad')(1, 2)).toBe(3)),
  },
  {
    code: 'THREAD_OPTIONS_DIFFER',
    fix: 'Give both the same options',
    apply: (isFixed) =>
      withThreads({ maxRunning: 1 }, () => withThreads({ maxRunning: isFixed ? 1 : 2 }, () => Promise.resolve())),
  },
  {
    code: 'THREAD_OPTIONS_DIFFER',
    fix: 'or close one before the other starts',
    apply: (isFixed) =>
      withThreads({ maxRunning: 1 }, async (app) => {
        if (isFixed) await app.close();
        await withThreads({ maxRunning: 2 }, () => Promise.resolve());
      }),
  },
];

describe('what an error of a thread advises works:', () => {
  it.each(advice)('$code: $fix', async (one) => {
    expect(await follow(one, undefined)).toEqual(works(one));
  });
});

/** Does the work in an application, and closes it, because the applications of a process share their threads. */
async function withThreads(
  options: WorkerThreadsModuleOptions,
  work: (app: INestApplicationContext) => Promise<unknown>,
): Promise<void> {
  const { app } = await startThreads(options);
  try {
    await work(app);
  } finally {
    await app.close();
  }
}

/** A task that computes in a thread for so long. */
function busyFor(ms: number, timeoutMs: number): Promise<void> {
  return withThreads({}, async (app) => {
    let calling: Promise<unknown> | undefined;
    await app.get(TaskScopes).run(({ tasks }) => {
      tasks.with({ timeoutMs }).addTask(() => (calling = inThread('busy')(ms)));
    });
    await calling;
  });
}

function temporaryFile(content: string): string {
  const path = join(tmpdir(), `nestjs-background-tasks-${process.pid}-${content.length}`);
  writeFileSync(path, content);
  onTestFinished(() => rmSync(path, { force: true }));
  return path;
}
