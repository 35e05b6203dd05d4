import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endsWithin, withTimeLimit } from '../../src/execution/time-limit.js';

const never = new Promise<never>(() => undefined);
const failure = new Error('failed');

describe('a time limit', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('passes on what ends in time, and leaves no timer', async () => {
    await expect(withTimeLimit(Promise.resolve(7), 10, () => failure)).resolves.toBe(7);
    await expect(withTimeLimit(Promise.reject(failure), 10, () => new Error('late'))).rejects.toBe(failure);
    await expect(endsWithin(Promise.resolve(7), 10)).resolves.toBe(true);
    await expect(endsWithin(Promise.reject(failure), 10)).rejects.toBe(failure);

    expect(vi.getTimerCount()).toBe(0);
  });

  it('says what is late: by an error, or by false', async () => {
    const limited = withTimeLimit(never, 10, () => failure).catch((error: unknown) => error);
    const ended = endsWithin(never, 10);

    await vi.advanceTimersByTimeAsync(10);

    expect(await limited).toBe(failure);
    expect(await ended).toBe(false);
  });

  it('ignores what ends after it', async () => {
    let fail!: (error: Error) => void;
    const ended = endsWithin(new Promise((_resolve, reject) => (fail = reject)), 10);

    await vi.advanceTimersByTimeAsync(10);
    fail(failure);

    expect(await ended).toBe(false);
  });
});
