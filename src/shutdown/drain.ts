import { Injectable } from '@nestjs/common';
import { endsWithin } from '../execution/time-limit.js';
import { NamedTasks } from '../named/named-tasks.js';
import { RequestScopes } from '../scope/request-scopes.js';
import type { HttpConnections } from './http-connections.js';

/** Brings all work of the application to an end. */
@Injectable()
export class Drain {
  #drained: Promise<void> | undefined;
  #connections: HttpConnections | undefined;

  constructor(
    private readonly scopes: RequestScopes,
    private readonly named: NamedTasks,
  ) {}

  get hasBegun(): boolean {
    return this.#drained !== undefined;
  }

  /** Waits for the requests of an HTTP server as well. */
  attach(connections: HttpConnections): void {
    this.#connections = connections;
  }

  /** Begins the drain, or joins the one that has begun, whatever its deadline. */
  begin(timeoutMs = this.scopes.engine.options.shutdownTimeoutMs): Promise<void> {
    return (this.#drained ??= this.#drainWithin(timeoutMs));
  }

  async #drainWithin(timeoutMs: number): Promise<void> {
    void this.named.pause();
    const graceMs = Math.min(timeoutMs * GRACE_SHARE, MAX_GRACE_MS);
    const abort = setTimeout(() => this.#abortRunning(), timeoutMs - graceMs);
    const isFinished = await endsWithin(this.#finish(), timeoutMs);
    clearTimeout(abort);
    if (!isFinished) this.#abandon(timeoutMs);
    this.scopes.engine.isAborting = true;
    this.scopes.isShutDown = true;
  }

  /** Waits for the connections first: a request that finishes may leave tasks. */
  async #finish(): Promise<void> {
    await this.#connections?.finish();
    await this.scopes.whenEmpty();
  }

  #abortRunning(): void {
    this.scopes.engine.isAborting = true;
    const reason = new DOMException('The application is shutting down.', 'AbortError');
    for (const queue of this.scopes.queues) queue.abortRunning(reason);
  }

  #abandon(timeoutMs: number): void {
    const { engine, open, queues } = this.scopes;
    const left = queues.flatMap((queue) => queue.unfinished);
    const disposing = open.toArray().flatMap((scope) => scope.disposing ?? []);
    if (left.length > 0 || disposing.length > 0) engine.log.abandoned(left, disposing, timeoutMs);
    engine.isPastDeadline = true;
    for (const queue of queues) queue.abandon();
    engine.limits.pending.open();
    this.#connections?.destroy();
  }
}

/** Share of the time limit that running tasks have after their signals abort, and its upper bound. */
const GRACE_SHARE = 1 / 5;
const MAX_GRACE_MS = 5_000;
