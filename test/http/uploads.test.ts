import {
  type ArgumentsHost,
  BadRequestException,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  HttpException,
  Inject,
  Injectable,
  Post,
  Req,
  Scope,
  UploadedFile,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { FileInterceptor as ExpressFileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FileInterceptor as FastifyFileInterceptor } from '@nestjs/platform-fastify/multipart';
import multipart, { type MultipartFile } from '@fastify/multipart';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { EveryWay, expectHandledOnce, lookups, startWithEveryWay } from '../support/every-way.js';
import { fetchText } from '../support/fetch-text.js';
import type { FrameworkResponse } from '../support/http-types.js';
import { platforms } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

/** Adds tasks before the interceptor has read the file. */
@Injectable({ scope: Scope.REQUEST })
class Taking implements CanActivate {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
    @Inject('Session') readonly session: unknown,
  ) {}

  canActivate(): boolean {
    this.tasks.addTask(function mail() {});
    this.tasks.with({ runOn: 'failure' }).addTask(this.timeline.note, 'on failure');
    return true;
  }
}

@Catch()
@Injectable()
class Answering implements ExceptionFilter {
  constructor(private readonly timeline: Timeline) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    this.timeline.note(`filtered ${status}`);
    host.switchToHttp().getResponse<FrameworkResponse>().status(status).send('filtered');
  }
}

const interceptors = { Express: ExpressFileInterceptor, Fastify: FastifyFileInterceptor };

describe.each(platforms)('B7 uploads on $name', (platform) => {
  const Interceptor = interceptors[platform.name]('file', {
    limits: { fileSize: 1_000 },
    fileFilter: (_request: unknown, file: { readonly originalname: string }, decide: Decide) => {
      const isText = file.originalname.endsWith('.txt');
      return isText ? decide(null, true) : decide(new BadRequestException('only text'), false);
    },
  });

  @Controller('files')
  class Files {
    constructor(
      private readonly ways: EveryWay,
      private readonly timeline: Timeline,
    ) {}

    @Post()
    @UseInterceptors(Interceptor)
    upload(
      @UploadedFile() file: { readonly buffer: Buffer },
      @Tasks() tasks: BackgroundTasks,
      @Resource('Session') session: unknown,
    ): string {
      this.ways.take(tasks, session);
      return file.buffer.toString();
    }

    @Post('guarded')
    @UseGuards(Taking)
    @UseFilters(Answering)
    @UseInterceptors(Interceptor)
    guarded(): void {
      this.timeline.note('handler');
    }
  }

  describe.each(lookups)('$lookup', ({ usesRef }) => {
    it('have tasks that run once, after the response', async () => {
      const running = await startWithEveryWay(platform, { usesRef, controllers: [Files] });

      const response = await fetchText(`${running.url}/files`, { method: 'POST', body: formOf('a.txt', 'hello') });

      expect(response).toEqual({ status: 201, body: 'hello' });
      await expectHandledOnce(running, 'POST /files');
    });

    it.each([
      { what: 'that is too large', file: formOf('a.txt', 'x'.repeat(2_000)), status: 413 },
      { what: 'of the wrong kind', file: formOf('a.exe', 'hello'), status: 400 },
    ])('reach the filters once with a file $what, as a failure', async ({ file, status }) => {
      const { app, url, timeline, logs } = await startWithEveryWay(platform, {
        usesRef,
        controllers: [Files],
        providers: [Answering, Taking],
      });

      const response = await fetchText(`${url}/files/guarded`, { method: 'POST', body: file });
      await settled(app);

      expect(response).toEqual({ status, body: 'filtered' });
      expect(timeline.events).toEqual([
        'Session opened',
        expect.stringMatching(/^filtered /),
        'sent',
        'on failure',
        expect.stringMatching(/^Session rolled back/),
        'Session released',
      ]);
      expect(logs.warnings).toEqual(['Discarded "mail": POST /files/guarded failed. BackgroundTasks']);
    });

    it('end with their client, which leaves in the middle of a file', async () => {
      const { app, port, timeline } = await startWithEveryWay(platform, {
        usesRef,
        controllers: [Files],
        providers: [Answering, Taking],
      });
      const client = await RawClient.connect(port);

      client.write(halfOfAForm('/files/guarded'));
      await timeline.until('Session opened');
      client.destroy();
      await timeline.until('Session released');
      await settled(app);

      expect(timeline.count('handler')).toBe(0);
      expect(timeline.count('on failure')).toBe(1);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, succeeded: 1, discarded: 1 });
    });
  });
});

describe.each(lookups)('B7 uploads that a handler reads with @fastify/multipart, $lookup', ({ usesRef }) => {
  it('have tasks that run once, after the response', async () => {
    const fastify = platforms.find(({ name }) => name === 'Fastify')!;

    @Controller('files')
    class Files {
      constructor(private readonly ways: EveryWay) {}

      @Post()
      async upload(
        @Req() request: { file(): Promise<MultipartFile> },
        @Tasks() tasks: BackgroundTasks,
        @Resource('Session') session: unknown,
      ): Promise<string> {
        this.ways.take(tasks, session);
        return (await buffer((await request.file()).file)).toString();
      }
    }
    const running = await startWithEveryWay(fastify, {
      usesRef,
      controllers: [Files],
      configure: (app) => (app as NestFastifyApplication).register(multipart),
    });

    const response = await fetchText(`${running.url}/files`, { method: 'POST', body: formOf('a.txt', 'hello') });

    expect(response).toEqual({ status: 201, body: 'hello' });
    await expectHandledOnce(running, 'POST /files');
  });
});

type Decide = (error: Error | null, isAccepted: boolean) => void;

function formOf(name: string, content: string): FormData {
  const form = new FormData();
  form.set('file', new Blob([content]), name);
  return form;
}

/** A request whose body ends in the middle of its file. */
function halfOfAForm(path: string): string {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: test',
    'Content-Type: multipart/form-data; boundary=limit',
    'Content-Length: 900',
  ];
  const part = ['--limit', 'Content-Disposition: form-data; name="file"; filename="a.txt"', '', 'half'];
  return `${head.join('\r\n')}\r\n\r\n${part.join('\r\n')}`;
}
