import type { ScopeRecord } from './records.js';

/** How many of the oldest scopes are looked at for one that is over, before an open one is forgotten. */
const LOOKED_AT = 50;

/** The latest scopes, a bounded number, and those who are told what changes in them. */
export class RecentScopes {
  readonly #byId = new Map<string, ScopeRecord>();
  readonly #revisions = new WeakMap<ScopeRecord, number>();
  readonly #listeners = new Set<ScopesListener>();
  /** Counts the changes. */
  #revision = 0;
  #serial = 0;

  constructor(readonly capacity: number) {}

  get revision(): number {
    return this.#revision;
  }

  nextSerial(): number {
    return ++this.#serial;
  }

  add(scope: ScopeRecord): void {
    this.#byId.set(scope.id, scope);
    if (this.#byId.size > this.capacity) this.remove(this.#oldest());
    this.changed(scope);
  }

  find(id: string): ScopeRecord | undefined {
    return this.#byId.get(id);
  }

  /** The scopes that changed after that revision, the latest first. */
  since(revision: number): ScopeRecord[] {
    return [...this.#byId.values()].filter((scope) => this.#revisions.get(scope)! > revision).toReversed();
  }

  changed(scope: ScopeRecord): void {
    this.#revisions.set(scope, ++this.#revision);
    for (const listener of this.#listeners) listener.changed(scope);
  }

  remove(scope: ScopeRecord): void {
    if (!this.#byId.delete(scope.id)) return;
    for (const listener of this.#listeners) listener.removed(scope);
  }

  /** Tells the listener of all changes from now on. Returns a function that ends it. */
  listen(listener: ScopesListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #oldest(): ScopeRecord {
    let looked = 0;
    let oldest: ScopeRecord | undefined;
    for (const scope of this.#byId.values()) {
      oldest ??= scope;
      if (scope.closedAt !== undefined) return scope;
      if (++looked === LOOKED_AT) break;
    }
    return oldest!;
  }
}

export interface ScopesListener {
  changed(scope: ScopeRecord): void;
  removed(scope: ScopeRecord): void;
}
