import type { INestApplication } from '@nestjs/common';
import { once } from 'node:events';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';

/** The port that an application listens on. */
export const portOf = (app: INestApplication): number =>
  ((app.getHttpServer() as Server).address() as AddressInfo).port;

/** A raw connection that has sent this much, be it nothing or half a request. */
export async function openConnection(port: number, sent = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (sent !== '') socket.write(sent);
  return socket;
}

/** Text of a request that keeps its connection alive. */
export const keepAliveRequest = (path: string, method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n`;

/** Reads until the text has arrived; returns all there was. */
export async function received(socket: Socket, text: string): Promise<string> {
  let all = '';
  return new Promise((resolve, reject) => {
    const look = (chunk: Buffer) => {
      all += chunk.toString();
      if (!all.includes(text)) return;
      socket.off('data', look);
      resolve(all);
    };
    socket.on('data', look);
    socket.once('close', () => reject(new Error(`The connection closed before "${text}" arrived: ${all}`)));
  });
}

/** A connection that has had its answer and stays open: a drain that has begun closes it. */
export async function idleConnection(port: number, path = '/nowhere'): Promise<Socket> {
  const socket = await openConnection(port, keepAliveRequest(path));
  await received(socket, '404');
  return socket;
}

/** Resolves when the application has begun to drain: it closes this idle connection first. */
export async function drainBegun(idle: Socket): Promise<void> {
  idle.resume();
  if (!idle.destroyed) await once(idle, 'close');
}
