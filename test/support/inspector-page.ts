import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { useChromium } from './chromium.js';

/** Opens a page of an inspector, in a browser that the tests of the file share. */
export type OpenPage = (url: string, options?: BrowserContextOptions & { readonly search?: string }) => Promise<Page>;

/** Starts Chromium before the tests of a file. A page fails its test by an error of a script or a breach of the policy. */
export function sharedBrowser(): OpenPage {
  const browser = useChromium();
  return async (url, { search = '', ...options } = {}) => {
    const page = await browser().newPage({ viewport: { width: 1280, height: 800 }, ...options });
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
    });
    onTestFinished(async () => {
      await page.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(`${url}/background-tasks${search}`);
    await page.locator('.link-state.live').waitFor();
    return page;
  };
}

/** The names of the rows in sight, from the top. */
export async function rowNames(page: Page): Promise<string[]> {
  const texts = await page.locator('.list-body [role=row] .what').allTextContents();
  return texts.map((text) => text.trim());
}
