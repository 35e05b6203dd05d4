import { REQUEST } from '@nestjs/core';
import { type TaskContext, provideResource } from 'nestjs-background-tasks';
import { tenantOf } from './tenant.js';

/** Stands for a database of its own for each tenant. */
const databases = new Map<string, string[]>();

/** A connection to the database of one tenant, for one request or one task. */
export class TenantDatabase {
  #isOpen = true;

  constructor(readonly tenant: string) {}

  write(line: string): void {
    if (!this.#isOpen) throw new Error(`The connection of ${this.tenant} is closed`);
    databases.set(this.tenant, [...this.lines, line]);
  }

  get lines(): readonly string[] {
    return databases.get(this.tenant) ?? [];
  }

  close(): void {
    this.#isOpen = false;
  }
}

/** Opened where somebody asks for it, and closed after the tasks. Handlers of named tasks get one of their own. */
export const tenantDatabase = provideResource({
  provide: TenantDatabase,
  inject: [REQUEST],
  useFactory: (request: Parameters<typeof tenantOf>[0] & TaskContext) => new TenantDatabase(tenantOf(request)),
  dispose: (database) => database.close(),
});
