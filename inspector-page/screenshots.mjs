import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { createServer } from 'vite';

// Takes the screenshots of docs/inspector.md: `npm run screenshots`. With a folder and a word, it takes more there.

const root = new URL('..', import.meta.url).pathname;
const folder = process.argv[2] ?? `${root}docs/inspector`;
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

const shrink = (image, path) => sharp(image).png({ palette: true, quality: 90, effort: 10 }).toFile(path);

const executablePath = spawnSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).stdout.trim();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
const select = process.argv[3];
for (const colorScheme of ['light', 'dark']) {
  for (const [name, width, height, scale] of [
    ['wide', 1600, 900, 1],
    ['phone', 360, 760, 2],
  ]) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme, deviceScaleFactor: scale });
    page.on('console', (message) => console.log(colorScheme, name, message.text()));
    page.on('pageerror', (error) => console.log(colorScheme, name, error));
    const take = async (what) => shrink(await page.screenshot(), `${folder}/${what}-${name}-${colorScheme}.png`);
    await page.goto(`${url}/background-tasks`);
    await page.waitForSelector('[role=row][aria-level]');
    if (select) await take('list');
    await page.locator('[role=row]', { hasText: '/orders' }).first().click();
    await page.waitForSelector('.waterfall');
    await page.mouse.move(0, 0);
    await take('orders');
    if (select) {
      await page.keyboard.press('t');
      await page.waitForSelector('table');
      await take('table');
      await page.keyboard.press('t');
      await page.keyboard.press('Escape');
      await page.locator('[role=row]', { hasText: '/reports' }).first().click();
      await page.locator('.span', { hasText: 'sendReport' }).first().click();
      await take('error');
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await take('help');
    }
    await page.close();
  }
}
await browser.close();
await app.close();
await vite.close();
