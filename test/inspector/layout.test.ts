import { describe, expect, it } from 'vitest';
import { fold } from '../../inspector-page/fold.js';
import { duration, shortPlace } from '../../inspector-page/format.js';
import { hasFailed } from '../../inspector-page/outcome.js';
import { type Span, waterfallOf } from '../../inspector-page/spans.js';
import type { ScopeRecord, TaskRecord } from '../../src/inspector/records.js';

describe('the bars of a scope', () => {
  it('tell the wait of a task in its queue from its run', () => {
    const { spans } = waterfallOf(scope({ tasks: [task({ acceptedAt: 5, startedAt: 30, settledAt: 90 })] }), 1_000);

    expect(looksOf(find(spans, 'task'))).toEqual([
      ['wait', 5, 30],
      ['run', 30, 90],
    ]);
    expect(find(spans, 'task')).toMatchObject({
      waitMs: 25,
      runMs: 60,
      words: 'ran 60 ms, done 70 ms after the response',
    });
  });

  it('give each attempt a number, and show the wait between two', () => {
    const error = { name: 'Error', message: 'no', stack: [] };
    const retried: TaskRecord = {
      ...task({ acceptedAt: 20, startedAt: 20, settledAt: 70 }),
      attempts: [
        { number: 1, startedAt: 20, endedAt: 30, state: 'failed', error, delayMs: 20 },
        { number: 2, startedAt: 50, endedAt: 70, state: 'succeeded' },
      ],
    };

    const { spans } = waterfallOf(scope({ tasks: [retried] }), 1_000);

    expect(find(spans, 'task').segments).toEqual([
      { from: 20, to: 30, look: 'bad', mark: '1' },
      { from: 30, to: 50, look: 'delay' },
      { from: 50, to: 70, look: 'run', mark: '2' },
    ]);
  });

  it('part a resource at the response, and say how long it was held after it', () => {
    const resources = [
      {
        id: 1,
        name: 'session',
        release: 'after-tasks' as const,
        acquiringAt: 2,
        acquiredAt: 4,
        releasingAt: 430,
        releasedAt: 432,
      },
    ];

    const { spans } = waterfallOf(scope({ resources, closedAt: 432 }), 1_000);

    expect(looksOf(find(spans, 'resource'))).toEqual([
      ['acquire', 2, 4],
      ['held', 4, 20],
      ['held', 20, 430],
      ['release', 430, 432],
    ]);
    expect(find(spans, 'resource').words).toBe('held 412 ms after the response');
  });

  it('hatch the time for which nobody accounts', () => {
    const { spans } = waterfallOf(
      scope({ tasks: [task({ acceptedAt: 60, startedAt: 60, settledAt: 80 })], closedAt: 100 }),
      1_000,
    );

    expect(looksOf(find(spans, 'gap'))).toEqual([
      ['gap', 20, 60],
      ['gap', 80, 100],
    ]);
    expect(find(spans, 'gap').words).toBe('nobody accounts for 60 ms');
  });

  it('grow while their task runs', () => {
    const running = { ...task({ acceptedAt: 20, startedAt: 25 }), state: 'running' as const };

    const { to, spans } = waterfallOf(scope({ tasks: [running] }), 125);

    expect(to).toBe(125);
    expect(find(spans, 'task')).toMatchObject({ isOpen: true, to: 125, words: 'runs for 100 ms' });
  });

  it('run past the work itself where nobody waits for a response', () => {
    const tasks = [task({ acceptedAt: 5, startedAt: 20, settledAt: 90 })];

    const { line, spans } = waterfallOf(scope({ kind: 'unit', response: { at: 20, aborted: false }, tasks }), 1_000);

    expect(line).toEqual({ at: 20, name: 'work' });
    expect(spans.map(({ name }) => name)).toEqual(['work', 'send']);
    expect(spans[1]!.words).toBe('ran 70 ms, done 70 ms after the work');
  });

  it('hold what a task began: the unit of work of its handler', () => {
    const run = scope({ kind: 'task', tasks: [task({ name: 'inner', acceptedAt: 40, startedAt: 40, settledAt: 50 })] });

    const { spans } = waterfallOf(
      scope({ tasks: [task({ name: 'outer', acceptedAt: 30, startedAt: 30, settledAt: 60 })] }),
      99,
      (id) => (id === 'task-outer' ? [run] : []),
    );

    expect(spans.map(({ name, depth }) => [name, depth])).toEqual([
      ['handler', 0],
      ['response', 0],
      ['outer', 0],
      ['inner', 1],
      ['unaccounted', 0],
    ]);
  });
});

describe('three or more equal spans in a row', () => {
  const spansOf = (...names: string[]) =>
    waterfallOf(
      scope({
        tasks: names.map((name, index) => task({ name, acceptedAt: 20, startedAt: 20 + index, settledAt: 21 + index })),
      }),
      99,
    ).spans.filter(({ kind }) => kind === 'task');

  it('are one row, until it is unfolded', () => {
    const spans = spansOf('a', 'b', 'b', 'b', 'a', 'a');

    const rows = fold(spans, new Set());
    const unfolded = fold(spans, new Set([rows[1]!.id]));

    expect(rows.map(({ name, folded }) => [name, folded?.length])).toEqual([
      ['a', undefined],
      ['b', 3],
      ['a', undefined],
      ['a', undefined],
    ]);
    expect(unfolded.map(({ name, depth }) => [name, depth])).toEqual([
      ['a', 0],
      ['b', 0],
      ['b', 1],
      ['b', 1],
      ['b', 1],
      ['a', 0],
      ['a', 0],
    ]);
  });

  it('are not equal if one of them failed', () => {
    const spans = spansOf('a', 'a', 'a').map((span, index) => (index === 1 ? { ...span, state: 'failed' } : span));

    expect(fold(spans, new Set())).toHaveLength(3);
  });
});

describe('a failure', () => {
  it.each([
    ['a status of 500', { response: { at: 20, statusCode: 500, aborted: false } }, true],
    [
      'a status of 404',
      { response: { at: 20, statusCode: 404, aborted: false }, handlerError: { name: 'E', message: '', stack: [] } },
      false,
    ],
    ['a task that failed', { tasks: [{ ...task({ acceptedAt: 20 }), state: 'failed' as const }] }, true],
    ['a task that was discarded', { tasks: [{ ...task({ acceptedAt: 20 }), state: 'discarded' as const }] }, false],
    ['a task that was abandoned', { tasks: [{ ...task({ acceptedAt: 20 }), state: 'abandoned' as const }] }, true],
  ])('is not every end: %s', (_, change, expected) => {
    expect(hasFailed(scope(change))).toBe(expected);
  });
});

describe('the words', () => {
  it.each([
    [0, '0 ms'],
    [0.42, '0.4 ms'],
    [9.96, '10 ms'],
    [412.4, '412 ms'],
    [999.6, '1.00 s'],
    [59_960, '1 min 0 s'],
    [7_440_000, '2 h 4 min'],
  ])('of a duration of %d ms are %j', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it.each([
    [
      'at UsersController.create (/srv/app/src/users/users.controller.ts:12:16)',
      'at UsersController.create (users/users.controller.ts:12:16)',
    ],
    ['at file:///srv/app/dist/main.js:3:7', 'at dist/main.js:3:7'],
    ['at run (C:\\app\\src\\main.ts:1:2)', 'at run (src\\main.ts:1:2)'],
    ['at node:internal/process:1:2', 'at node:internal/process:1:2'],
  ])('of a place leave out the way to it: %s', (line, short) => {
    expect(shortPlace(line)).toBe(short);
  });
});

function scope(change: Partial<ScopeRecord>): ScopeRecord {
  return {
    id: 'scope',
    serial: 1,
    kind: 'http',
    description: 'POST /orders',
    method: 'POST',
    begunAt: 0,
    handlerEndedAt: 15,
    response: { at: 20, statusCode: 201, aborted: false },
    hasSucceeded: true,
    tasks: [],
    resources: [],
    handOvers: [],
    ...change,
  };
}

interface TaskMoments {
  readonly name?: string;
  readonly acceptedAt: number;
  readonly startedAt?: number;
  readonly settledAt?: number;
}

function task({ name = 'send', acceptedAt, startedAt, settledAt }: TaskMoments): TaskRecord {
  const end = settledAt === undefined ? {} : { endedAt: settledAt, state: 'succeeded' };
  return {
    id: `task-${name}`,
    name,
    isNamed: false,
    acceptedAt,
    state: 'succeeded',
    attempts: startedAt === undefined ? [] : [{ number: 1, startedAt, ...end }],
    ...(settledAt !== undefined && { settledAt }),
  };
}

function find(spans: readonly Span[], kind: Span['kind']): Span {
  return spans.find((span) => span.kind === kind)!;
}

function looksOf({ segments }: Span): unknown[] {
  return segments.map(({ look, from, to }) => [look, from, to]);
}
