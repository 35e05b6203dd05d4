import { beforeAll, onTestFinished } from 'vitest';
import type { Exit } from './exit.js';
import { INSTALL_TIMEOUT_MS, postgresFolder } from './requirements.js';
import { SampleProcess, startSample } from './sample-process.js';

/** What the sample shows: the numbers of orders and invoices, the latest first, and each INSERT of audit entries. */
export interface Stored {
  readonly orders: readonly number[];
  readonly invoices: readonly number[];
  readonly inserts: readonly { readonly entries: number }[];
}

/** The sample of transactions, with the PostgreSQL that it may have started. */
export class TransactionsSample extends SampleProcess {
  get url(): string {
    return /Open (http:\S+) /.exec(this.log)![1]!;
  }

  async order(newOrder: { readonly replacesId?: number } = {}): Promise<Response> {
    return fetch(`${this.url}/orders`, {
      method: 'POST',
      body: JSON.stringify(newOrder),
      headers: { 'content-type': 'application/json' },
    });
  }

  async stored(): Promise<Stored> {
    return (await (await fetch(`${this.url}/orders`)).json()) as Stored;
  }

  /** Does what a terminal does at Ctrl+C: the whole group gets a SIGINT. */
  async interrupt(): Promise<Exit> {
    process.kill(-this.child.pid!, 'SIGINT');
    return this.exit;
  }

  /** Not at once: it removes the PostgreSQL that it has started. */
  protected override kill(): void {
    this.child.kill('SIGTERM');
  }
}

/** The audit entries of all INSERTs. */
export function entriesOf({ inserts }: Stored): number {
  return inserts.reduce((sum, { entries }) => sum + entries, 0);
}

/** One sample for all tests of a `describe`, with a PostgreSQL that it starts. */
export function sharedTransactionsSample(): () => TransactionsSample {
  let sample: TransactionsSample;
  beforeAll(async () => {
    await postgresFolder();
    let end!: () => Promise<void>;
    sample = await startTransactionsSample({}, (callback) => (end = callback));
    return end;
  }, INSTALL_TIMEOUT_MS);
  return () => sample;
}

/** Starts the sample as its command does, and waits until it can be used. */
export async function startTransactionsSample(
  settings: Record<string, string> = {},
  onEnd: (callback: () => Promise<void>) => void = onTestFinished,
): Promise<TransactionsSample> {
  const sample = await startSample(TransactionsSample, '02-transactions/start', settings, onEnd, { detached: true });
  await sample.printed(/Ctrl\+C/);
  return sample;
}
