import type { ScopeRecord } from '../src/inspector/records.js';
import { hasFailed, isOpen } from './outcome.js';
import type { Store } from './store.js';
import type { View } from './view.js';

/** A row of the list. */
export interface Row {
  readonly scope: ScopeRecord;
  readonly level: number;
  /** `undefined` if nothing began in it. */
  readonly isExpanded: boolean | undefined;
}

/** Returns the rows to show: a tree, or a flat list where a filter picks from it. */
export function rowsOf(store: Store, view: View, expanded: ReadonlySet<string>): Row[] {
  if (isFiltered(view)) {
    const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
    return store.scopes
      .filter((scope) => isWanted(scope, view, words))
      .map((scope) => ({ scope, level: 1, isExpanded: undefined }));
  }
  const rows: Row[] = [];
  for (const scope of store.scopes) if (!store.parentOf(scope)) addRow(rows, store, scope, 1, expanded);
  return rows;
}

export function isFiltered({ q, only, route }: View): boolean {
  return q.trim() !== '' || only !== '' || route !== '';
}

function addRow(rows: Row[], store: Store, scope: ScopeRecord, level: number, expanded: ReadonlySet<string>): void {
  const children = store.childrenOf(scope);
  const isExpanded = children.length > 0 ? expanded.has(scope.id) : undefined;
  rows.push({ scope, level, isExpanded });
  if (isExpanded) for (const child of children) addRow(rows, store, child, level + 1, expanded);
}

function isWanted(scope: ScopeRecord, { only, route }: View, words: readonly string[]): boolean {
  if (only === 'failed' && !hasFailed(scope)) return false;
  if (only === 'open' && !isOpen(scope)) return false;
  if (route !== '' && scope.description !== route) return false;
  if (words.length === 0) return true;
  const text = textOf(scope);
  return words.every((word) => text.includes(word));
}

const texts = new WeakMap<ScopeRecord, string>();

function textOf(scope: ScopeRecord): string {
  let text = texts.get(scope);
  if (text === undefined) {
    const { description, id, traceId, response, tasks, resources, handlerError } = scope;
    const parts = [description, id, traceId, response?.statusCode, handlerError?.message];
    for (const task of tasks) {
      parts.push(task.name, task.state, task.id, task.traceId, task.place);
      for (const { error } of task.attempts) parts.push(error?.name, error?.message);
    }
    for (const { name } of resources) parts.push(name);
    text = parts.join('\n').toLowerCase();
    texts.set(scope, text);
  }
  return text;
}
