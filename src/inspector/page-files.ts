import { readFileSync } from 'node:fs';

/** Headers of everything that is served: nothing is loaded from elsewhere, framed, guessed or kept. */
export const headers: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store, no-transform',
};

/** Returns a file that the build has made of the page. */
export function pageFile(name: 'page.js' | 'page.css'): string {
  // The path is right from the source, too: tests run it.
  return readFileSync(new URL(`../../dist/inspector/${name}`, import.meta.url), 'utf8');
}

/** Returns the page. `base` leads from its address to its files: `tasks/` from `/admin/tasks`. */
export function pageHtml(base: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Background tasks</title>
    <link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON)}" />
    <link rel="stylesheet" href="${base}page.css" />
  </head>
  <body data-base="${base}">
    <noscript>This page needs JavaScript.</noscript>
    <script type="module" src="${base}page.js"></script>
  </body>
</html>
`;
}

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect y="2" width="8" height="4" rx="1" fill="#6d3fc0"/>' +
  '<rect x="9" y="9" width="7" height="4" rx="1" fill="#c2570c"/><rect x="8" width="1" height="16" fill="#0b6bcb"/></svg>';
