import fastifyCompress from '@fastify/compress';
import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import ejs from 'ejs';
import { fileURLToPath } from 'node:url';
import type { Platform } from './platforms.js';

const views = fileURLToPath(new URL('./views', import.meta.url));

/** Compresses every response, however small, as each platform does it. */
export async function enableCompression(platform: Platform, app: INestApplication): Promise<void> {
  if (platform.name === 'Express') app.use(compression({ threshold: 0 }));
  else await (app as NestFastifyApplication).register(fastifyCompress, { threshold: 0 });
}

/** Makes `@Render()` find the templates in `views`. */
export function enableViews(platform: Platform, app: INestApplication): void {
  if (platform.name === 'Express') {
    (app as NestExpressApplication).setBaseViewsDir(views);
    (app as NestExpressApplication).setViewEngine('ejs');
  } else {
    (app as NestFastifyApplication).setViewEngine({ engine: { ejs }, root: views, viewExt: 'ejs' });
  }
}

/** Notes 'finish' and 'close' of every response, each before this package hears of it. */
export function noteResponseEnds(app: INestApplication, note: (event: string) => void): void {
  app.use((_request: unknown, response: NodeJS.EventEmitter, next: () => void) => {
    response.once('finish', () => note('finish'));
    response.once('close', () => note('close'));
    next();
  });
}
