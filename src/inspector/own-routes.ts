import { Injectable } from '@nestjs/common';
import type { ObservedScope } from '../contracts/task-events.js';

/** The routes of the page itself, each from its first request on. Their patterns have the prefix of the application. */
@Injectable()
export class OwnRoutes {
  readonly #patterns = new Set<string>();

  add(pattern: string): void {
    this.#patterns.add(pattern);
  }

  /** Whether a request goes to the page. The application may answer other methods at the same address. */
  has({ method, route }: Pick<ObservedScope, 'method' | 'route'>): boolean {
    return (method === 'GET' || method === 'HEAD') && route !== undefined && this.#patterns.has(route);
  }
}
