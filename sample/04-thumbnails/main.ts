import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { Settings } from './settings.js';

const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false });
const { port, host } = app.get(Settings);
// Below the 10 MiB that a thread takes by default.
app.useBodyParser('raw', { type: ['image/jpeg', 'image/png', 'image/webp'], limit: '8mb' });
app.enableShutdownHooks();
await app.listen(port, host);

const url = await app.getUrl();
console.log(`
Ready. Draw a photo of twelve megapixels (or take one of yours), send it, and fetch its thumbnail:

  curl -s ${url}/example.jpg -o photo.jpg
  curl -X POST ${url}/images -H 'content-type: image/jpeg' --data-binary @photo.jpg
  curl -s ${url}/thumbnails/PUT-THE-ID-HERE -o thumbnail.webp

The second answers at once; what it leads to appears below. Ctrl+C finishes what has begun, then stops.
`);
