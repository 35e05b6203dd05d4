import type { IncomingHttpHeaders } from 'node:http';
import type { RawRequest } from '../nest/raw-http.js';

/** Headers that a proxy adds. A request with one of them may come from anywhere. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * Whether a page of another site sent the request. An application may allow other origins to read its answers; those of
 * the inspector are for its own page. A link from another site may open the page, which holds no data.
 */
export function isFromOtherSite({ headers }: RawRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return headers['sec-fetch-mode'] !== 'navigate';
  const { origin } = headers;
  return origin !== undefined && hostOf(origin) !== authorityOf(headers);
}

/**
 * Whether the request comes from this machine, by the address of its socket. The name it asks for has to be a loopback
 * name as well: any name on the Internet may lead to 127.0.0.1.
 */
export function isFromThisMachine({ headers, socket }: RawRequest): boolean {
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false;
  const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  return isLoopback(address) && isLoopbackName(authorityOf(headers));
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address);
}

function isLoopbackName(authority: string | undefined): boolean {
  const name = authority?.toLowerCase().replace(/:\d*$/, '') ?? '';
  return name === 'localhost' || name === '[::1]' || isLoopback(name);
}

/** The host that was asked for. HTTP/2 has a pseudo-header for it. */
function authorityOf(headers: IncomingHttpHeaders): string | undefined {
  const authority = headers[':authority'];
  return typeof authority === 'string' ? authority : headers.host;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
