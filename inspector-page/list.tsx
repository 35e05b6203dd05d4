import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ScopeRecord } from '../src/inspector/records.js';
import { counted, duration, kindOf, nameOf, timeOfDay } from './format.js';
import { hasClient, hasFailed, isOpen, stateOf, type Tone, toneOf } from './outcome.js';
import { useTicking } from './parts.js';
import type { Row } from './rows.js';
import type { Store } from './store.js';

/** Rows that are rendered beyond each edge, so that scrolling shows no gap. */
const OVERSCAN = 8;
const MAX_DOTS = 7;

interface Props {
  readonly rows: readonly Row[];
  readonly activeId: string;
  readonly selectedId: string;
  readonly store: Store;
  readonly open: (id: string) => void;
  readonly toggle: (id: string) => void;
}

/** The latest requests and units of work. Only the rows in sight are in the document. */
export function List({ rows, activeId, selectedId, store, open, toggle }: Props): JSX.Element {
  const body = useRef<HTMLDivElement>(null);
  const { top, height, isNarrow, measure } = useViewport(body);
  const rowHeight = isNarrow ? 58 : 36;
  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  const visible = rows.slice(first, last);
  useTicking(visible.some(({ scope }) => isOpen(scope)));
  useAnchor(body, rows, rowHeight);
  useEffect(() => {
    const index = rows.findIndex(({ scope }) => scope.id === activeId);
    if (index !== -1) scrollTo(body.current!, index * rowHeight, rowHeight);
  }, [activeId]);
  return (
    <div
      class={`list ${isNarrow ? 'narrow' : ''}`}
      role="treegrid"
      aria-label="Requests and units of work, the latest first"
      aria-rowcount={rows.length + 1}
      aria-activedescendant={visible.some(({ scope }) => scope.id === activeId) ? `row-${activeId}` : undefined}
      tabIndex={0}
      id="list"
    >
      <div role="rowgroup" class="list-head">
        <div role="row" aria-rowindex={1} class="row">
          {['Time', 'Request', 'Status', 'Response', 'Tasks', 'Total'].map((name) => (
            <span role="columnheader" key={name}>
              {name}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="list-body" ref={body} onScroll={measure} tabIndex={-1}>
        <div role="presentation" class="list-space" style={{ height: `${rows.length * rowHeight}px` }}>
          {visible.map((row, index) => (
            <ListRow
              key={row.scope.id}
              row={row}
              index={first + index}
              top={(first + index) * rowHeight}
              now={store.now}
              isActive={row.scope.id === activeId}
              isSelected={row.scope.id === selectedId}
              open={open}
              toggle={toggle}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface RowProps {
  readonly row: Row;
  readonly index: number;
  readonly top: number;
  readonly now: number;
  readonly isActive: boolean;
  readonly isSelected: boolean;
  readonly open: (id: string) => void;
  readonly toggle: (id: string) => void;
}

function ListRow({ row, index, top, now, isActive, isSelected, open, toggle }: RowProps): JSX.Element {
  const { scope, level, isExpanded } = row;
  const { id, begunAt, response } = scope;
  const total = (scope.closedAt ?? now) - begunAt;
  const lineMs = response === undefined ? undefined : response.at - begunAt;
  const responseMs = hasClient(scope) ? lineMs : undefined;
  const failed = hasFailed(scope);
  return (
    <div
      role="row"
      id={`row-${id}`}
      class={`row ${isActive ? 'active' : ''} ${failed ? 'failed' : ''} ${isOpen(scope) ? 'open' : ''}`}
      aria-rowindex={index + 2}
      aria-level={level}
      aria-selected={isSelected}
      aria-expanded={isExpanded}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => open(id)}
    >
      <span role="gridcell" class="time">
        {timeOfDay(begunAt)}
      </span>
      <span role="gridcell" class="what" style={{ '--level': String(level - 1) }}>
        {isExpanded === undefined ? null : (
          <i
            class={`twist ${isExpanded ? 'down' : ''}`}
            aria-hidden="true"
            onClick={(event) => {
              event.stopPropagation();
              toggle(id);
            }}
          />
        )}
        <b class={`kind ${scope.kind}`}>{kindOf(scope)}</b> <span class="name">{nameOf(scope)}</span>
      </span>
      <span role="gridcell" class={`status ${failed ? 'bad' : isOpen(scope) ? 'busy' : ''}`}>
        {response?.statusCode ?? ''}
        <span class={response?.statusCode === undefined || isOpen(scope) || failed ? '' : 'unseen'}>
          {' '}
          {stateOf(scope)}
        </span>
      </span>
      <span role="gridcell" class="number response">
        {responseMs === undefined ? '–' : duration(responseMs)}
      </span>
      <span role="gridcell" class="dots">
        <Dots scope={scope} />
      </span>
      <span role="gridcell" class="number total">
        <span>{duration(total)}</span>
        <i class="life" aria-hidden="true">
          <i style={{ width: `${lineMs === undefined ? 100 : Math.min(100, (lineMs / (total || 1)) * 100)}%` }} />
        </i>
      </span>
    </div>
  );
}

/** The states of the tasks: in colour and shape, and in words for those who do not see them. */
function Dots({ scope }: { scope: ScopeRecord }): JSX.Element {
  const { tasks } = scope;
  const tones = tasks.map(({ state }): Tone => toneOf(state));
  const counts = new Map<string, number>();
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1);
  const words = [...counts].map(([state, count]) => `${count} ${state}`).join(', ') || 'no tasks';
  const shown = tones.length > MAX_DOTS ? tones.slice(0, MAX_DOTS - 1) : tones;
  return (
    <span title={tasks.length > 0 ? `${counted(tasks.length, 'task')}: ${words}` : words}>
      <span class="unseen">{words}</span>
      {shown.map((tone, index) => (
        <i key={index} class={`dot ${tone}`} aria-hidden="true" />
      ))}
      {tones.length > shown.length ? <small aria-hidden="true">+{tones.length - shown.length}</small> : null}
    </span>
  );
}

function useViewport(body: { readonly current: HTMLDivElement | null }) {
  const [viewport, setViewport] = useState({ top: 0, height: 800, isNarrow: false });
  const measure = () => {
    const { scrollTop: top, clientHeight: height, clientWidth } = body.current!;
    const isNarrow = clientWidth < 540;
    setViewport((before) =>
      before.top === top && before.height === height && before.isNarrow === isNarrow
        ? before
        : { top, height, isNarrow },
    );
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(measure);
    observer.observe(body.current!);
    measure();
    return () => observer.disconnect();
  }, []);
  return { ...viewport, measure };
}

/** Keeps what is in sight where it is when rows come in above it. */
function useAnchor(body: { readonly current: HTMLDivElement | null }, rows: readonly Row[], rowHeight: number): void {
  const anchor = useRef<{ readonly id: string; readonly index: number } | undefined>(undefined);
  useLayoutEffect(() => {
    const element = body.current!;
    const known = anchor.current;
    if (known && element.scrollTop > 0) {
      const index = rows.findIndex(({ scope }) => scope.id === known.id);
      if (index !== -1 && index !== known.index) element.scrollTop += (index - known.index) * rowHeight;
    }
    const index = Math.min(rows.length - 1, Math.floor(element.scrollTop / rowHeight));
    anchor.current = index < 0 ? undefined : { id: rows[index]!.scope.id, index };
  });
}

function scrollTo(body: HTMLElement, top: number, height: number): void {
  if (top < body.scrollTop) body.scrollTop = top;
  else if (top + height > body.scrollTop + body.clientHeight) body.scrollTop = top + height - body.clientHeight;
}
