import { Controller, Get } from '@nestjs/common';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BackgroundTasks, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { platforms, startApp } from '../support/platforms.js';

const express = platforms.filter(({ name }) => name === 'Express');

describe.each(express)('B1 the response goes first on $name behind a server that Nest did not make', (platform) => {
  it('runs the tasks of a request that Nest’s own server never saw, as on a serverless platform', async () => {
    const ran: string[] = [];

    @Controller()
    class Greeting {
      @Get()
      get(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(() => ran.push('task'));
        return 'hello';
      }
    }
    const { app } = await startApp(platform, { controllers: [Greeting] });
    const server = await listen(createServer(app.getHttpAdapter().getInstance() as RequestListener));

    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(await response.text()).toBe('hello');
    await settled(app);

    expect(ran).toEqual(['task']);
  });
});

async function listen(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return server;
}
