import { expect } from 'vitest';
import { BullMqHealth } from '../../src/bullmq/index.js';
import { BackendUnavailableError } from '../../src/index.js';
import { type DurableApp, enqueued, untilReady } from './durable.js';
import { timed } from './timed.js';
import { until } from './until.js';

/** Waits until an outage is known, and tells what there is to see of it: compare it with {@link outage}. */
export async function outageOf(durable: DurableApp, says: string) {
  const { app, backend, logs } = durable;
  await until('the outage is known', () => backend.unavailableBecause?.includes(says) === true);
  const refused = new Set<string>();
  for (let index = 0; index < 20; index++) {
    const { error } = await timed(() => backend.accept([enqueued('send')]));
    refused.add(error instanceof BackendUnavailableError ? error.message.replace(/^.*?: /, '') : 'accepted');
  }
  const { status, reasons } = await app.get(BullMqHealth).check();
  return { refused: [...refused], status, reasons, errors: logs.errors, warnings: logs.warnings };
}

/** An outage of which all say the same, once. */
export function outage(says: string) {
  const saysSo: unknown = expect.stringContaining(says);
  const logged = expect.stringMatching(/takes no tasks/) as unknown;
  return { refused: [saysSo], status: 'down', reasons: [saysSo], errors: [logged], warnings: [] };
}

/** Waits until a task is accepted, and tells what there is to see then: compare it with {@link up} or {@link degraded}. */
export async function healthOnceAccepted(durable: DurableApp) {
  const from = performance.now();
  await untilReady(durable);
  await durable.backend.accept([enqueued('send')]);
  const isInTime = performance.now() - from < 3_000;
  return { isInTime, ...(await durable.app.get(BullMqHealth).check()) };
}

export const up = { isInTime: true, status: 'up', reasons: [] };

export function degraded(...reasons: string[]) {
  return {
    isInTime: true,
    status: 'degraded',
    reasons: reasons.map((reason): unknown => expect.stringContaining(reason)),
  };
}
