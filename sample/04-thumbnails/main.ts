import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { requireFreePort } from '../port.js';
import { ServerAddress } from '../server-address.js';
import { AppModule } from './app.module.js';
import { Settings } from './settings.js';

const { port, host } = new Settings(process.env);
await requireFreePort(port, host);
const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false });
// Below the 10 MiB that a thread takes by default.
app.useBodyParser('raw', { type: ['image/jpeg', 'image/png', 'image/webp'], limit: '8mb' });
app.enableShutdownHooks();
await app.listen(port, host);

const { url } = app.get(ServerAddress);
console.log(`
Ready. Draw a photo of twelve megapixels (or take one of yours), and send it:

  curl -s ${url}/example.jpg -o photo.jpg
  curl -X POST ${url}/images -H 'content-type: image/jpeg' --data-binary @photo.jpg

The second answers at once. The line that fetches the thumbnail appears below when there is one.
Ctrl+C finishes what has begun, then stops.
`);
