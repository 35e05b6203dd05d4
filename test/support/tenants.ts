import { Inject, Injectable, Scope } from '@nestjs/common';
import {
  type ContextId,
  ContextIdFactory,
  type ContextIdStrategy,
  type HostComponentInfo,
  REQUEST,
} from '@nestjs/core';
import { onTestFinished } from 'vitest';
import type { TaskContext, TaskScope } from '../../src/index.js';

/** What can name a tenant: an HTTP request by its header, a named task and a unit of work by their context. */
export type TenantOrigin = { readonly headers: Readonly<Record<string, string>> } | TaskContext | TaskScope;

export function tenantOf(origin: TenantOrigin): string {
  return 'headers' in origin ? origin.headers['x-tenant']! : (origin.context as { tenant: string }).tenant;
}

/**
 * Gives each tenant one tree of durable providers until the test ends, as an application does. Returns what Nest has
 * asked it about.
 */
export function applyTenants(attach: (origin: TenantOrigin) => string = tenantOf): readonly TenantOrigin[] {
  const trees = new Map<string, ContextId>();
  const asked: TenantOrigin[] = [];
  const strategy: ContextIdStrategy = {
    attach(contextId: ContextId, origin: TenantOrigin) {
      asked.push(origin);
      const tenant = attach(origin);
      const tree = trees.get(tenant) ?? ContextIdFactory.create();
      trees.set(tenant, tree);
      return { resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tree : contextId), payload: { tenant } };
    },
  };
  ContextIdFactory.apply(strategy);
  // Nest keeps one strategy for the process, and without one does nothing.
  onTestFinished(() => ContextIdFactory.apply(undefined as unknown as ContextIdStrategy));
  return asked;
}

/** The connections of one tenant. Its disposer must not be called: it outlives every request. */
@Injectable({ scope: Scope.REQUEST, durable: true })
export class TenantPool implements Disposable {
  /** All that were made since a test emptied it. */
  static readonly made: TenantPool[] = [];
  isDisposed = false;

  constructor(@Inject(REQUEST) readonly payload: { readonly tenant: string }) {
    TenantPool.made.push(this);
  }

  get tenant(): string {
    return this.payload.tenant;
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}
