import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** Returns what axe finds wrong with a page, which was opened with `bypassCSP`. */
export async function axeViolations(page: Page) {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate<axe.AxeResults>('axe.run()');
  const looked = new Set(passes.map(({ id }) => id));
  if (!looked.has('color-contrast') || !looked.has('button-name')) throw new Error('axe has not looked at the page.');
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]);
}
