import type { Server as Listener, Socket } from 'node:net';
import { safely, whenSettled } from '../errors/safely.js';

/**
 * Has a server of Nest take no more messages, where its transport can: TCP, gRPC, Redis and NATS. Others go on as before.
 * Resolves once the calls of gRPC have been answered, for which nothing else waits.
 */
export async function stopTaking(server: object): Promise<void> {
  const { openSockets, server: listener, grpcClient, subClient, subscriptions, options } = server as Internals;
  if (openSockets && listener) {
    // Else it may listen again, as after a failure.
    (server as Internals).isManuallyTerminated = true;
    listener.close();
  }
  // A Redis that is not there sends nothing either.
  const unsubscribed = options?.wildcards ? subClient?.punsubscribe() : subClient?.unsubscribe();
  void whenSettled(Promise.resolve(unsubscribed), () => undefined);
  for (const subscription of subscriptions ?? []) safely(() => subscription.unsubscribe(), undefined);
  if (grpcClient) await new Promise<void>((resolve) => grpcClient.tryShutdown(() => resolve()));
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

/** Whether the client of a gRPC call has cancelled it, or no longer waits for it. False over any other transport. */
export function isCancelled(args: readonly unknown[]): boolean {
  return args.some((arg) => {
    const { cancelled, sendMetadata } = (arg ?? {}) as {
      readonly cancelled?: unknown;
      readonly sendMetadata?: unknown;
    };
    return cancelled === true && typeof sendMetadata === 'function';
  });
}

/** Members of Nest's servers. Each has those that its transport needs. */
interface Internals {
  isManuallyTerminated?: boolean;
  /** Of TCP. */
  readonly server?: Listener;
  readonly openSockets?: ReadonlySet<Socket>;
  /** Of gRPC. */
  readonly grpcClient?: { tryShutdown(callback: () => void): void };
  /** Of Redis. */
  readonly subClient?: Readonly<Record<'unsubscribe' | 'punsubscribe', () => Promise<unknown>>>;
  readonly options?: { readonly wildcards?: boolean };
  /** Of NATS. */
  readonly subscriptions?: readonly { unsubscribe(): void }[];
}
