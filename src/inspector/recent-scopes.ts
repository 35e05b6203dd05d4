import type { ScopeRecord } from './records.js';

/** Number of the oldest scopes that are searched for one that is over, before an open one is forgotten. */
const LOOKED_AT = 50;
/** Tasks, attempts, resources and hand-overs that are kept for each scope of the capacity, and for all of them at least. */
const PARTS_PER_SCOPE = 10;
const LEAST_PARTS = 5_000;

/** The latest scopes, a bounded number of a bounded size, and those who are told what changes in them. */
export class RecentScopes {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<ScopesListener>();
  readonly #maxParts: number;
  #parts = 0;
  /** Counts the changes. */
  #revision = 0;
  #serial = 0;

  constructor(readonly capacity: number) {
    this.#maxParts = Math.max(LEAST_PARTS, capacity * PARTS_PER_SCOPE);
  }

  get revision(): number {
    return this.#revision;
  }

  nextSerial(): number {
    return ++this.#serial;
  }

  add(scope: ScopeRecord): void {
    this.#entries.set(scope.id, { scope, revision: 0, parts: 0 });
    if (this.#entries.size > this.capacity) this.remove(this.#oldest());
    this.changed(scope);
  }

  find(id: string): ScopeRecord | undefined {
    return this.#entries.get(id)?.scope;
  }

  /** The scopes that changed after that revision, the latest first. */
  since(revision: number): ScopeRecord[] {
    const changed = [...this.#entries.values()].filter((entry) => entry.revision > revision);
    return changed.reverse().map(({ scope }) => scope);
  }

  changed(scope: ScopeRecord): void {
    const entry = this.#entries.get(scope.id);
    if (!entry) return;
    entry.revision = ++this.#revision;
    const parts = partsOf(scope);
    this.#parts += parts - entry.parts;
    entry.parts = parts;
    while (this.#parts > this.#maxParts && this.#entries.size > 1) this.remove(this.#oldest());
    for (const listener of this.#listeners) listener.changed(scope);
  }

  remove({ id }: ScopeRecord): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#parts -= entry.parts;
    for (const listener of this.#listeners) listener.removed(entry.scope);
  }

  /** Tells the listener of all changes from now on. Returns a function that ends it. */
  listen(listener: ScopesListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #oldest(): ScopeRecord {
    let looked = 0;
    let oldest: ScopeRecord | undefined;
    for (const { scope } of this.#entries.values()) {
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

interface Entry {
  readonly scope: ScopeRecord;
  /** That of its last change. */
  revision: number;
  parts: number;
}

function partsOf({ tasks, resources, handOvers }: ScopeRecord): number {
  let parts = tasks.length + resources.length + handOvers.length;
  for (const { attempts } of tasks) parts += attempts.length;
  return parts;
}
