import type { Server as Listener, Socket } from 'node:net';
import { safely, whenSettled } from '../errors/safely.js';

/** Has a server of Nest take no more messages, where its transport can: TCP, Redis and NATS. Others go on as before. */
export function stopTaking(server: object): void {
  const { openSockets, server: listener, subClient, subscriptions, options } = server as Internals;
  if (openSockets && listener) {
    // Else it may listen again, as after a failure.
    (server as Internals).isManuallyTerminated = true;
    listener.close();
  }
  // A Redis that is not there sends nothing either.
  const unsubscribed = options?.wildcards ? subClient?.punsubscribe() : subClient?.unsubscribe();
  void whenSettled(Promise.resolve(unsubscribed), () => undefined);
  for (const subscription of subscriptions ?? []) safely(() => subscription.unsubscribe(), undefined);
}

/** Lists the open connections of a TCP server. */
export function connectionsOf(server: object): readonly Socket[] {
  return [...((server as Internals).openSockets ?? [])];
}

/** Reads the connection of a message over TCP from its context. Absent over any other transport. */
export function connectionOf(context: unknown): Socket | undefined {
  const { getSocketRef } = (context ?? {}) as { getSocketRef?(): { readonly netSocket?: Socket } };
  return getSocketRef?.call(context).netSocket;
}

/** Members of Nest's servers. Each has those that its transport needs. */
interface Internals {
  isManuallyTerminated?: boolean;
  /** Of TCP. */
  readonly server?: Listener;
  readonly openSockets?: ReadonlySet<Socket>;
  /** Of Redis. */
  readonly subClient?: Readonly<Record<'unsubscribe' | 'punsubscribe', () => Promise<unknown>>>;
  readonly options?: { readonly wildcards?: boolean };
  /** Of NATS. */
  readonly subscriptions?: readonly { unsubscribe(): void }[];
}
