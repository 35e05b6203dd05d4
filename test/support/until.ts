import { TestRunner } from 'vitest';

// Real ones, also in a test that moves the clock by hand.
const { setTimeout, clearTimeout } = globalThis;
const { now } = Date;

/** The longest wait in a hook or in a test without a time limit. */
const LONGEST_WAIT_MS = 50_000;

/** The time in which a wait can still say what it waited for, before Vitest ends the test. */
const MARGIN_MS = 500;

/** Polls what no event tells, such as whether a server is taken to be there: `until('the job is done', …)`. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, everyMs = 10): Promise<void> {
  let isOver = false;
  const poll = async () => {
    while (!isOver && !(await isSo())) await new Promise((resolve) => setTimeout(resolve, everyMs));
  };
  await inTime(() => what, poll()).finally(() => (isOver = true));
}

/** Rejects with what was waited for when the time of the test is nearly up. */
export async function inTime<T>(what: () => string, waiting: Promise<T>): Promise<T> {
  const limitMs = timeLeftMs();
  // Made here, so that its stack trace leads to the wait.
  const error = new Error('Still not so');
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      error.message = `Still not so after ${Math.round(limitMs)} ms: ${what()}.`;
      reject(error);
    }, limitMs);
  });
  return Promise.race([waiting, late]).finally(() => clearTimeout(timer));
}

function timeLeftMs(): number {
  const test = TestRunner.getCurrentTest();
  const startedAt = test?.result?.startTime;
  if (startedAt === undefined || !test?.timeout) return LONGEST_WAIT_MS;
  return Math.max(0, startedAt + test.timeout - now() - MARGIN_MS);
}
