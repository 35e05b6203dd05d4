import { Injectable, Scope } from '@nestjs/common';
import http from 'node:http';
import https from 'node:https';
import { Timeline } from '../timeline/timeline.js';

/** Keeps connections open between calls, and so has to be closed: once per request, when its tasks are done. */
@Injectable({ scope: Scope.REQUEST })
export class HttpClient implements AsyncDisposable {
  readonly #http = new http.Agent({ keepAlive: true });
  readonly #https = new https.Agent({ keepAlive: true });

  constructor(private readonly timeline: Timeline) {
    timeline.note('handler', 'HTTP client opened');
  }

  /** Resolves with the status of the answer. */
  post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<number> {
    const isSecure = url.startsWith('https:');
    const options = {
      method: 'POST',
      agent: isSecure ? this.#https : this.#http,
      headers: { 'content-type': 'application/json', ...headers },
    };
    return new Promise((resolve, reject) => {
      const request = (isSecure ? https : http).request(url, options, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0));
      });
      request.once('error', reject).end(JSON.stringify(body));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.destroy();
    this.#https.destroy();
    this.timeline.note('disposal', 'HTTP client closed');
  }
}
