import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const CONNECTIONS = 20;
const request = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
const connections = new Map<number, Socket[]>();

// The load generator process, node load.js [awake]: told { port, requests } by its parent, it says how many seconds their answers took.
process.on(
  'message',
  (task: { port: number; requests: number }) => void load(task).then((seconds) => process.send!(seconds)),
);
process.on('disconnect', () => process.exit());

/**
 * Writes requests by hand, and reads no more of an answer than its status: a client of HTTP works
 * about as much as the server, and its garbage collector competes for the same cores.
 */
async function load({ port, requests }: { port: number; requests: number }): Promise<number> {
  const sockets = await connectionsTo(port);
  const begin = performance.now();
  let left = requests;
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          const next = () => {
            if (left-- > 0) socket.write(request);
            else resolve();
          };
          socket.removeAllListeners('data').on('data', (answer) => {
            if (answer.toString('latin1', 0, 13) !== 'HTTP/1.1 200 ') throw new Error(`Answered: ${answer.toString()}`);
            next();
          });
          next();
        }),
    ),
  );
  return (performance.now() - begin) / 1_000;
}

/** They stay open from run to run: to make them would be a part of what a short run measures. A server closes those left idle. */
async function connectionsTo(port: number): Promise<Socket[]> {
  const known = connections.get(port);
  if (known && !known.some((socket) => socket.destroyed)) return known;
  const sockets = Array.from({ length: CONNECTIONS }, () => connect({ port, host: '127.0.0.1', noDelay: true }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  connections.set(port, sockets);
  return sockets;
}

/**
 * Never sleeps. To wake a process on another core costs the one that writes to it more than all its
 * own work, and a server that is a little slower finds the load asleep more often: that would be
 * measured, not the server.
 */
function stayAwake(): void {
  setImmediate(stayAwake);
}
if (process.argv.includes('awake')) stayAwake();
