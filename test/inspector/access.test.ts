import { Controller, Get, type INestApplication, VersioningType } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { once } from 'node:events';
import { request, type Server } from 'node:http';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { describe, expect, it } from 'vitest';
import type { BackgroundTasks } from '../../src/index.js';
import { Tasks } from '../../src/index.js';
import { BackgroundTasksInspectorModule } from '../../src/inspector/index.js';
import { inspectorRoutes, startInspected } from '../support/inspector.js';
import { http2, platforms, startApp } from '../support/platforms.js';

const [express] = platforms;
const onEach = platforms.flatMap((platform) =>
  inspectorRoutes.map((route) => ({ platform, name: platform.name, route })),
);

describe('B43 the inspector', () => {
  it.each(onEach)(
    'answers whom authorize refuses with 403 and no data at "$route" on $name',
    async ({ platform, route }) => {
      const { url } = await startInspected(platform, {
        controllers: [SecretController],
        inspector: { authorize: () => false },
      });
      await fetch(`${url}/secret-route`);

      const response = await fetch(`${url}/background-tasks${route}`);

      expect(response.status).toBe(403);
      expect(await response.text()).not.toMatch(/secret-route|script|runId/);
    },
  );

  it.each([
    ['rejects', () => Promise.reject(new Error('no session store'))],
    [
      'throws',
      () => {
        throw new Error('no session store');
      },
    ],
    ['returns a value that is merely truthy', () => 'yes' as unknown as boolean],
    ['resolves with undefined', () => Promise.resolve(undefined) as unknown as Promise<boolean>],
  ])('refuses everybody when authorize %s', async (_, authorize) => {
    const { url } = await startInspected(express!, { inspector: { authorize } });

    expect(await statusesOf(url)).toEqual(inspectorRoutes.map(() => 403));
  });

  it('logs what authorize threw', async () => {
    const { url, logs } = await startInspected(express!, {
      inspector: { authorize: () => Promise.reject(new Error('no session store')) },
    });

    await fetch(`${url}/background-tasks`);

    expect(logs.errors).toEqual([expect.stringContaining('no session store')]);
  });

  it.each(platforms)('shows authorize the request of $name', async (platform) => {
    const { url } = await startInspected(platform, {
      inspector: { authorize: ({ headers }) => headers.authorization === 'Bearer ada' },
    });

    const [refused, allowed] = await Promise.all([
      fetch(`${url}/background-tasks`),
      fetch(`${url}/background-tasks`, { headers: { authorization: 'Bearer ada' } }),
    ]);

    expect([refused.status, allowed.status]).toEqual([403, 200]);
  });

  it.each(onEach)('sends "$route" with a strict policy on $name, and nobody keeps it', async ({ platform, route }) => {
    const { url } = await startInspected(platform);

    const { status, headers, body } = await fetch(`${url}/background-tasks${route}`);
    await body?.cancel();

    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/);
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toMatch(/no-store/);
  });

  it.each(platforms)('answers nothing but GET on $name', async (platform) => {
    const { url } = await startInspected(platform);
    const methods = ['POST', 'PUT', 'PATCH', 'DELETE'];

    const answers = await Promise.all(
      methods.flatMap((method) => inspectorRoutes.map((route) => fetch(`${url}/background-tasks${route}`, { method }))),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
  });

  it.each(platforms)(
    'leads to its files below a prefix, a version and a path of two segments on $name',
    async (platform) => {
      const { url } = await startApp(platform, {
        imports: [BackgroundTasksInspectorModule.forRoot({ path: '/admin/tasks/', unsafe: 'loopback-only' })],
        configure: (app: INestApplication) => {
          app.setGlobalPrefix('api');
          app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
        },
      });

      const page = `${url}/api/admin/tasks`;
      const html = await (await fetch(page)).text();
      const script = /src="([^"]+)"/.exec(html)![1]!;

      expect((await fetch(new URL(script, page))).headers.get('content-type')).toMatch(/javascript/);
    },
  );

  it('is served over HTTP/2', async () => {
    const { url, port } = await startInspected(http2);
    const session = connect(url);
    const stream = session.request({ ':path': '/background-tasks/live', ':authority': `localhost:${port}` });
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    session.destroy();

    expect(headers[':status']).toBe(200);
    expect(chunk.toString()).toMatch(/^data: \{"runId"/);
  });

  it.each(platforms)('is no part of the API that is described on $name', async (platform) => {
    const { app } = await startInspected(platform, { controllers: [SecretController] });

    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());

    expect(Object.keys(paths)).toEqual(['/secret-route']);
  });

  it('is for itself alone where other origins may read the answers of the application', async () => {
    const { url } = await startInspected(express!, { configure: (app) => app.enableCors() });
    const ask = (headers: Record<string, string>) => statusOf(url, '/records', headers);

    expect(await ask({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await ask({ origin: url })).toBe(200);
    expect(await ask({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' })).toBe(403);
    expect(await ask({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
    expect(await ask({ origin: 'https://evil.example' })).toBe(403);
    expect(await ask({ origin: 'null' })).toBe(403);
  });
});

describe("unsafe: 'loopback-only'", () => {
  it.each(platforms)('answers loopback names on $name, and no others', async (platform) => {
    const { url, port } = await startInspected(platform);
    const ask = (host: string) => statusOf(url, '/records', { host });

    expect(
      await Promise.all([`localhost:${port}`, 'LOCALHOST', '127.0.0.1', '127.8.9.1:80', '[::1]:3000'].map(ask)),
    ).toEqual([200, 200, 200, 200, 200]);
    expect(
      await Promise.all(['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '10.0.0.7', '[::2]'].map(ask)),
    ).toEqual([403, 403, 403, 403, 403]);
  });

  it.each(['x-forwarded-for', 'x-real-ip', 'forwarded', 'via', 'x-forwarded-host'])(
    'refuses a request that a proxy has marked with %s, whatever it says',
    async (name) => {
      const { url } = await startInspected(express!);

      expect(await statusOf(url, '', { [name]: '127.0.0.1' })).toBe(403);
    },
  );

  it.each(platforms)('refuses an address that is not loopback on $name', async (platform) => {
    const { port } = await startInspected(platform, {
      configure: (created) => {
        const server = created.getHttpServer() as Server;
        // As if the connection had come by another network interface.
        server.prependListener('connection', (socket) => {
          Object.defineProperty(socket, 'remoteAddress', { value: '192.168.1.20' });
        });
      },
    });

    expect(await statusesOf(`http://127.0.0.1:${port}`)).toEqual(inspectorRoutes.map(() => 403));
  });
});

describe('the options of the inspector', () => {
  const start = (options: unknown) =>
    startApp(express!, { imports: [BackgroundTasksInspectorModule.forRoot(options as never)] });

  it.each([
    ['neither authorize nor unsafe', {}, /"authorize".*unsafe: 'loopback-only'/],
    ['both authorize and unsafe', { authorize: () => true, unsafe: 'loopback-only' }, /"authorize"/],
    ['an authorize that cannot be called', { authorize: true }, /"authorize"/],
    ['another unsafe choice', { unsafe: true }, /"unsafe"/],
    ['a capacity of 0', { unsafe: 'loopback-only', capacity: 0 }, /"capacity"/],
    ['a capacity without bounds', { unsafe: 'loopback-only', capacity: Infinity }, /"capacity"/],
    ['an unknown name', { unsafe: 'loopback-only', size: 5 }, /"size"/],
  ])('stop the start with a code for %s', async (_, options, message) => {
    await expect(start(options)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each(['', '/', 'tasks/:id', '../tasks', 'a b'])('refuse the path %j when they are given', (path) => {
    expect(() => BackgroundTasksInspectorModule.forRoot({ path, unsafe: 'loopback-only' })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  it('may come from a factory', async () => {
    const { url } = await startApp(express!, {
      imports: [
        BackgroundTasksInspectorModule.forRootAsync({
          path: 'inside',
          useFactory: () => ({ authorize: () => Promise.resolve(true) }),
        }),
      ],
    });

    expect((await fetch(`${url}/inside/records`)).status).toBe(200);
  });

  it('must be given: the import of the class alone stops the start', async () => {
    await expect(startApp(express!, { imports: [BackgroundTasksInspectorModule] })).rejects.toMatchObject({
      code: 'NOT_REGISTERED',
    });
  });
});

@Controller()
class SecretController {
  @Get('secret-route')
  get(@Tasks() tasks: BackgroundTasks): void {
    tasks.addTask(() => undefined);
  }
}

async function statusesOf(url: string): Promise<number[]> {
  return Promise.all(inspectorRoutes.map((route) => statusOf(url, route)));
}

/** Asks with headers that `fetch` would not send. */
function statusOf(url: string, route: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/background-tasks${route}`, { headers, agent: false }, (response) => {
      resolve(response.statusCode!);
      response.destroy();
    });
    asked.once('error', reject).end();
  });
}
