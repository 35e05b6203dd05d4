import type { Socket } from 'node:net';
import { connectionsOf, stopTaking } from './nest-servers.js';

/** Milliseconds that a peer has for closing its side of a connection. */
const LINGER_MS = 1_000;

/** The servers that bring the messages of one application, and the way to let them finish. */
export class MessageServers {
  readonly #servers = new Set<object>();
  /** The number of messages that each connection waits for the answers to. */
  readonly #unanswered = new Map<Socket, number>();
  /** Whether it takes no more messages. */
  isFinishing = false;

  add(server: object): void {
    this.#servers.add(server);
  }

  /** Has the connection stay open until the message has been answered, and returns the function to call then. */
  keepOpen(connection: Socket): () => void {
    this.#unanswered.set(connection, (this.#unanswered.get(connection) ?? 0) + 1);
    return () => this.#answered(connection);
  }

  #answered(connection: Socket): void {
    const others = this.#unanswered.get(connection)! - 1;
    if (others > 0) {
      this.#unanswered.set(connection, others);
      return;
    }
    this.#unanswered.delete(connection);
    if (this.isFinishing) end(connection);
  }

  /** Takes no more messages. Resolves once those of each connection have been answered, and it is closed. */
  async finish(): Promise<void> {
    this.isFinishing = true;
    const stopped = [...this.#servers].map(stopTaking);
    const connections = [...this.#servers].flatMap(connectionsOf);
    const closed = connections.map((connection) => whenClosed(connection));
    for (const connection of connections) if (!this.#unanswered.has(connection)) end(connection);
    await Promise.all([...stopped, ...closed]);
  }
}

/** Reads on until the peer has closed its side, so that the events that it has sent by then are handled. */
function end(connection: Socket): void {
  if (connection.destroyed || connection.writableEnded) return;
  connection.end();
  const timer = setTimeout(() => connection.destroy(), LINGER_MS);
  connection.once('close', () => clearTimeout(timer));
}

function whenClosed(connection: Socket): Promise<void> {
  if (connection.closed) return Promise.resolve();
  return new Promise((resolve) => connection.once('close', () => resolve()));
}
