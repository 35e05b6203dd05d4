import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { createServer } from 'vite';

// Takes the screenshots of docs/inspector.md: `npm run screenshots`.

const root = new URL('..', import.meta.url).pathname;
const folder = `${root}docs/inspector`;
mkdirSync(folder, { recursive: true });

const vite = await createServer({
  root,
  configFile: false,
  server: { middlewareMode: true, hmr: false },
  appType: 'custom',
  optimizeDeps: { noDiscovery: true },
});
const { NestFactory } = await vite.ssrLoadModule('@nestjs/core');
const { ShopModule } = await vite.ssrLoadModule('/test/support/inspected-app.ts');
process.env.NODE_ENV ??= 'test';
const app = await NestFactory.create(ShopModule, { logger: false });
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

const send = (method, path) =>
  fetch(url + path, {
    method,
  });
const idle = () => new Promise((resolve) => setTimeout(resolve, 900));
for (let round = 0; round < 3; round++) {
  await Promise.all([
    send('GET', '/items/1'),
    send('POST', '/reports/7'),
    send('GET', '/items/2'),
    send('POST', '/imports'),
  ]);
  await Promise.all([send('GET', '/admin'), send('GET', '/items/3'), send('GET', '/items/4')]);
}
await idle();
await send('POST', '/orders');
await idle();
await Promise.all([send('POST', '/reports/8'), send('GET', '/items/5'), send('GET', '/items/6')]);
await idle();

const executablePath = spawnSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).stdout.trim();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
for (const [name, colorScheme, width, height, deviceScaleFactor] of [
  ['wide', 'light', 1600, 900, 1],
  ['wide', 'dark', 1600, 900, 1],
  ['phone', 'dark', 360, 760, 2],
]) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme, deviceScaleFactor });
  await page.goto(`${url}/background-tasks`);
  await page.locator('[role=row]', { hasText: '/orders' }).first().click();
  await page.locator('.waterfall').waitFor();
  await page.mouse.move(0, 0);
  const image = sharp(await page.screenshot()).png({ palette: true, quality: 90, effort: 10 });
  await image.toFile(`${folder}/orders-${name}-${colorScheme}.png`);
  await page.close();
}
await browser.close();
await app.close();
await vite.close();
