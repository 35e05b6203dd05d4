import type { Server as HttpServer } from 'node:http';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/** Milliseconds between two sweeps of idle connections, while the server drains. */
const SWEEP_INTERVAL_MS = 50;

/** The connections of the HTTP server, and the way to let them finish. */
export class HttpConnections {
  readonly #sockets = new Set<Socket & { parser?: unknown }>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** TLS connections in their handshake, by peer: Node does not say which socket belongs to which secure one. */
  readonly #handshakes = new Map<string, Socket>();
  #changed: (() => void) | undefined;

  constructor(private readonly server: HttpServer) {
    if (server instanceof TlsServer) {
      server.on('connection', (socket: Socket) => this.#awaitHandshake(socket));
      // The HTTP parser sits on the decrypted socket, which this event brings.
      server.on('secureConnection', (socket) => {
        this.#handshakes.delete(peerOf(socket));
        this.#keep(this.#sockets, socket);
      });
    } else {
      server.on('connection', (socket: Socket) => this.#keep(this.#sockets, socket));
    }
    (server as unknown as Http2Server).on('session', (session) => this.#keep(this.#sessions, session));
  }

  /** Takes no more connections, closes the idle ones, and resolves once every request has been answered. */
  async finish(): Promise<void> {
    if (this.server.listening) this.server.close();
    for (const session of this.#sessions) session.close();
    this.#sweep();
    if (this.open === 0) return;
    const timer = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    while (this.open > 0) await new Promise<void>((resolve) => (this.#changed = resolve));
    clearInterval(timer);
  }

  /**
   * The number of connections that {@link finish} waits for. An upgraded socket (a WebSocket) has no parser any more:
   * its gateway closes it.
   */
  get open(): number {
    return this.#sessions.size + [...this.#sockets].filter(({ parser }) => parser).length;
  }

  /** Ends what is still open. */
  destroy(): void {
    this.server.closeAllConnections?.();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) if (socket.parser) socket.destroy();
  }

  #sweep(): void {
    this.server.closeIdleConnections?.();
    // Node does not count a connection that never sent a byte as idle.
    for (const socket of this.#sockets) if (socket.parser && socket.bytesRead === 0) socket.destroy();
    for (const socket of this.#handshakes.values()) socket.destroy();
    // An upgrade takes a connection out of the count without closing it.
    this.#changed?.();
  }

  #awaitHandshake(socket: Socket): void {
    const peer = peerOf(socket);
    this.#handshakes.set(peer, socket);
    socket.once('close', () => this.#handshakes.delete(peer));
  }

  #keep<T extends Socket | ServerHttp2Session>(all: Set<T>, connection: T): void {
    all.add(connection);
    connection.once('close', () => {
      all.delete(connection);
      this.#changed?.();
    });
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
