import { expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';

it.each([{ program: 'createApplicationContext()' }, { program: 'nest-commander' }])(
  'B11 a program of $program answers, runs the tasks of its @UnitOfWork() before it has closed, and ends with code 0',
  async ({ program }) => {
    const child = startChild('commander', { env: { PROGRAM: program } });

    expect(await child.said('ANSWER')).toBe('queued for ada@example.org');
    expect(await child.exit, child.output).toEqual({ code: 0, signal: null });
    const { journal } = child;
    expect([...journal.of('SENT'), ...journal.lines.slice(-1)]).toEqual(['ada@example.org', 'CLOSED']);
    expect(journal.count('succeeded')).toBe(1);
    expect([journal.lost, journal.of('X'), journal.of('W'), journal.of('L')]).toEqual([[], [], [], []]);
  },
);
