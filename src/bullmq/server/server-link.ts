import { BackendUnavailableError } from '../../errors/named-task-errors.js';
import type { BullMqLog } from '../bullmq-log.js';
import { failureReason } from './failure-reason.js';
import type { JobServer, NewJob, ServerListener } from './job-server.js';
import { Withdrawals } from './withdrawals.js';

/** Between two questions to a server that did not answer; each waits for its own answer as well. */
const ASK_AGAIN_MS = 100;

/** Knows whether the server takes tasks. After an outage it does not until what was reported as failed has been withdrawn. */
export class ServerLink implements ServerListener {
  readonly #withdrawals = new Withdrawals();
  #closedBecause: string | undefined = 'it has not answered yet';
  #isConnected = false;
  #isOver = false;
  #recovery: Promise<void> | undefined;
  #tellFirst: () => void = () => undefined;

  constructor(
    private readonly server: JobServer,
    private readonly log: BullMqLog,
  ) {}

  /** Why the server takes no tasks now; `undefined` if it does, as far as is known. */
  get closedBecause(): string | undefined {
    return this.#closedBecause;
  }

  /** @throws BACKEND_UNAVAILABLE */
  assertOpen(what: string): void {
    if (this.#closedBecause !== undefined)
      throw new BackendUnavailableError(what, `${this.server.kind}: ${this.#closedBecause}`);
  }

  /** Begins to connect. Resolves when it is known for the first time whether the server takes tasks. */
  open(): Promise<void> {
    return new Promise((resolve) => {
      this.#tellFirst = resolve;
      this.server.connect(this);
    });
  }

  close(): void {
    this.#isOver = true;
    this.#closedBecause = 'the application has closed';
  }

  connected(): void {
    this.#isConnected = true;
    void this.#recover();
  }

  disconnected(reason: string): void {
    if (this.#isOver) return;
    this.#isConnected = false;
    this.#shut(reason);
  }

  /** These were added, and nothing else is known of them. Resolves once that is cleared up, if there is a connection. */
  doubt(jobs: readonly NewJob[], reason: string): Promise<void> {
    this.#withdrawals.add(jobs);
    if (this.#isOver) return Promise.resolve();
    this.#shut(reason);
    return this.#recover();
  }

  /** The server has said that it has these. */
  accepted(jobs: readonly NewJob[]): void {
    this.#withdrawals.keep(jobs);
  }

  #shut(reason: string): void {
    this.#closedBecause = reason;
    this.log.outageBegan(reason);
    this.#tellFirst();
  }

  #recover(): Promise<void> {
    this.#recovery ??= this.#untilOpen().finally(() => {
      this.#recovery = undefined;
      // A connection that broke and came back while the last round ended has had no round of its own.
      if (this.#isConnected && this.#closedBecause !== undefined && !this.#isOver) void this.#recover();
    });
    return this.#recovery;
  }

  async #untilOpen(): Promise<void> {
    while (this.#isConnected && !this.#isOver) {
      try {
        await this.server.settle();
        await this.#withdrawals.carryOut(this.server.queue, this.log);
        await this.server.assertWritable();
        if (!this.#isConnected || !this.#withdrawals.isEmpty) continue;
        this.#closedBecause = undefined;
        this.log.outageEnded();
        this.#tellFirst();
        return;
      } catch (error) {
        if (!this.#isConnected) return;
        this.#shut(failureReason(error));
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
    }
  }
}
