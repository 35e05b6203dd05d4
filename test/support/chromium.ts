import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { chromiumPath, INSTALL_TIMEOUT_MS } from './requirements.js';

/** One browser for the tests of a file, or of a `describe`. */
export function useChromium(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const executablePath = await chromiumPath();
    const quiet = ['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update'];
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-sync', ...quiet] });
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => browser?.close());
  return () => browser!;
}
