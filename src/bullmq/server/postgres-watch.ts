import { assertSchemaCompatibility, runMigrations } from 'bullmq';
import pg from 'pg';
import { failureReason } from './failure-reason.js';
import type { ServerListener } from './job-server.js';

/** Between two attempts to connect; each has a time limit of its own as well. */
const CONNECT_AGAIN_MS = 250;

/** Holds one connection, whose end says at once that the database is gone, and whose return that it is back. */
export class PostgresWatch {
  #client: pg.Client | undefined;
  #isOver = false;
  #isReady = false;
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly migrate: boolean,
  ) {}

  /** Resolves when there is a database with a schema that fits; rejects once it is over. */
  readonly whenReady = (): Promise<void> => {
    if (this.#isReady) return Promise.resolve();
    // BullMQ knows this message for what it is, and ends its loops.
    if (this.#isOver) return Promise.reject(new Error('Connection is closed.'));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  };

  async start(listener: ServerListener): Promise<void> {
    while (!this.#isOver) {
      let reason = 'the connection was closed';
      const client = (this.#client = new pg.Client(this.config));
      const ended = new Promise<void>((resolve) => {
        client.on('end', resolve);
        client.on('error', (error) => {
          reason = failureReason(error);
          resolve();
        });
      });
      try {
        await client.connect();
        await (this.migrate ? runMigrations(client) : assertSchemaCompatibility(client));
        this.#ready();
        listener.connected();
        await ended;
      } catch (error) {
        reason = failureReason(error);
      }
      this.#isReady = false;
      if (this.#isOver) return;
      listener.disconnected(reason);
      void client.end().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, CONNECT_AGAIN_MS));
    }
  }

  /** Rejects when there is no answer in time. */
  async ping(): Promise<void> {
    await this.#client?.query('SELECT 1');
  }

  /** Rejects on a standby, and where the database is set to be read only. */
  async assertWritable(): Promise<void> {
    const answer = await this.#client?.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
    if (answer?.rows[0]?.transaction_read_only === 'on') throw new Error('it is read-only, and refuses tasks');
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#isReady = false;
    const closed = new Error('Connection is closed.');
    for (const { reject } of this.#waiting.splice(0)) reject(closed);
    await this.#client?.end().catch(() => undefined);
  }

  #ready(): void {
    this.#isReady = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }
}
