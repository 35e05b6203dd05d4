import type { Deferred } from './deferred.js';

/** What a handler waits for, as something to inject: `{ provide: Gate, useValue: deferred() }`. */
export abstract class Gate implements Deferred {
  abstract readonly promise: Promise<void>;
  abstract resolve(): void;
  abstract reject(error: unknown): void;
}
