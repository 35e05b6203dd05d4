import { Injectable } from '@nestjs/common';
import type { Unfinished } from '../execution/task-log.js';
import type { OtherServers } from '../http/other-servers.js';
import { NamedTasks } from '../named/named-tasks.js';
import { CalledUnits } from '../scope/called-units.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { providedByModule } from '../tasks/registration.js';
import type { HttpConnections } from './http-connections.js';
import { onSecondInterrupt } from './second-interrupt.js';

/** Brings all work of the application to an end. */
@Injectable()
export class Drain {
  #drained: Promise<void> | undefined;
  #connections: HttpConnections | undefined;
  #otherServers: OtherServers | undefined;
  readonly #onBegin: (() => Promise<void>)[] = [];

  constructor(
    private readonly scopes: RequestScopes,
    private readonly named: NamedTasks,
    private readonly called: CalledUnits,
  ) {}

  get hasBegun(): boolean {
    return this.#drained !== undefined;
  }

  /** Waits for the requests of an HTTP server as well, and for those that come through other servers. */
  attach(connections: HttpConnections, otherServers: OtherServers): void {
    this.#connections = connections;
    this.#otherServers = otherServers;
  }

  /** Calls back when the drain begins, which waits for the promise: it lets what brings other work finish. */
  onBegin(finish: () => Promise<void>): void {
    this.#onBegin.push(finish);
  }

  /** Begins the drain, or joins the one that has begun, whatever its deadline. */
  begin(timeoutMs = this.scopes.engine.options.shutdownTimeoutMs): Promise<void> {
    return (this.#drained ??= this.#drainWithin(timeoutMs));
  }

  async #drainWithin(timeoutMs: number): Promise<void> {
    void this.named.pause();
    const { engine } = this.scopes;
    const begunAt = performance.now();
    const { drainBegun, drainEnded } = engine.events;
    if (drainBegun.isHeard) drainBegun.tell({ timeoutMs });
    let hasSaid = false;
    const say = setTimeout(() => {
      hasSaid = true;
      engine.log.shutdownWaits(this.#unfinished, timeoutMs);
    }, QUIET_MS);
    const graceMs = Math.min(timeoutMs * GRACE_SHARE, MAX_GRACE_MS);
    const abort = setTimeout(() => this.#abortRunning(), timeoutMs - graceMs);
    const cutShort = await this.#finishOr(timeoutMs);
    clearTimeout(say);
    clearTimeout(abort);
    const abandoned = cutShort ? this.#abandon(cutShort) : 0;
    if (!cutShort && hasSaid) engine.log.shutdownFinished(performance.now() - begunAt);
    if (drainEnded.isHeard) drainEnded.tell({ durationMs: performance.now() - begunAt, abandoned });
    engine.isAborting = true;
    this.scopes.isShutDown = true;
  }

  /** Resolves when everything has ended, or with the words for what cut it short. */
  #finishOr(timeoutMs: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const end = (cutShort?: string) => {
        clearTimeout(deadline);
        stopListening();
        resolve(cutShort);
      };
      const deadline = setTimeout(end, timeoutMs, `took ${timeoutMs} ms`);
      const stopListening = onSecondInterrupt(() => {
        this.#abortRunning();
        // By then a task that heeds its signal has ended as itself.
        setImmediate(end, 'was cut short by SIGINT');
      });
      void this.#finish().then(() => end());
    });
  }

  /** Waits for the connections first: a request that finishes may leave tasks. */
  async #finish(): Promise<void> {
    const finished = this.#onBegin.map((finish) => finish());
    await Promise.all([this.#connections?.finish(), this.#otherServers?.whenAnswered(), ...finished]);
    await this.called.whenAnswered();
    await this.scopes.whenEmpty();
  }

  #abortRunning(): void {
    this.scopes.engine.isAborting = true;
    const reason = new DOMException('The application is shutting down.', 'AbortError');
    for (const queue of this.scopes.queues) queue.abortRunning(reason);
  }

  get #unfinished(): Unfinished {
    const { open, queues } = this.scopes;
    const scopes = open.toArray();
    return {
      tasks: queues.flatMap((queue) => queue.unfinished),
      connections: (this.#connections?.open ?? 0) + (this.#otherServers?.size ?? 0),
      units: scopes.filter(({ isUnitRunning }) => isUnitRunning).length + this.called.size,
      disposing: scopes.flatMap(({ disposables }) => disposables?.disposing ?? []),
    };
  }

  /** Returns the number of tasks that were left. */
  #abandon(cutShort: string): number {
    const { engine, queues } = this.scopes;
    const { tasks, disposing } = this.#unfinished;
    if (tasks.length > 0 || disposing.length > 0) engine.log.abandoned(cutShort, queues, disposing);
    engine.isPastDeadline = true;
    for (const queue of queues) queue.abandon();
    engine.limits.pending.open();
    this.#connections?.destroy();
    return tasks.length;
  }
}

/** Milliseconds for which a shutdown says nothing: most have ended by then. */
const QUIET_MS = 100;

/** Share of the time limit that running tasks have after their signals abort, and its upper bound. */
const GRACE_SHARE = 1 / 5;
const MAX_GRACE_MS = 5_000;

providedByModule(Drain);
