import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/**
 * sql.js is one connection, so requests take turns with it, as they would at any pool of one. A
 * PostgreSQL pool hands out connections of its own, and nobody waits here.
 */
@Injectable()
export class SessionTurns {
  #last: Promise<void> = Promise.resolve();

  constructor(private readonly dataSource: DataSource) {}

  /** Resolves when it is the caller's turn, with the function that ends it. */
  async take(): Promise<() => void> {
    if (this.dataSource.options.type !== 'sqljs') return () => undefined;
    const previous = this.#last;
    let end!: () => void;
    this.#last = new Promise((resolve) => (end = resolve));
    await previous;
    return end;
  }
}
