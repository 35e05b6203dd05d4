import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startContext } from '../support/start-context.js';

describe('in development an application says at start-up what dies with it', () => {
  it.each([
    ['development', undefined, 1],
    ['', undefined, 1],
    ['production', undefined, 0],
    ['test', undefined, 0],
    ['development', false, 0],
    ['production', true, 1],
  ])('NODE_ENV "%s", lossNotice %s: %i line(s)', async (environment, lossNotice, lines) => {
    vi.stubEnv('NODE_ENV', environment);
    onTestFinished(() => void vi.unstubAllEnvs());

    const { logs } = await startContext({ options: lossNotice === undefined ? {} : { lossNotice } });

    expect(logs.lines.filter((line) => line.includes('addTask()'))).toHaveLength(lines);
  });
});
