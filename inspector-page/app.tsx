import type { JSX } from 'preact';
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { Detail } from './detail.js';
import { Away, Legend, NothingFound, NothingYet } from './empty.js';
import { Help } from './help.js';
import { useKeys } from './keys.js';
import { List } from './list.js';
import { hasFailed } from './outcome.js';
import { useTicking } from './parts.js';
import { isFiltered, type Row, rowsOf } from './rows.js';
import type { Store } from './store.js';
import { Strip } from './strip.js';
import { PageButtons, Toolbar } from './toolbar.js';
import { useView } from './view.js';

/** The whole page. */
export function App({ store }: { store: Store }): JSX.Element {
  useStore(store);
  const [view, change] = useView();
  const [activeId, setActive] = useState(view.id);
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const [isHelpShown, showHelp] = useState(false);
  const { q, only, route } = view;
  const rows = useMemo(() => rowsOf(store, view, expanded), [store.scopes, q, only, route, expanded]);
  const selected = store.find(view.id);
  useTicking(store.link === 'away');
  useEffect(() => {
    const news = store.isHidden ? store.unseen : store.heldCount;
    document.title = news > 0 ? `(${news} new) Background tasks` : 'Background tasks';
  });

  const activate = (id: string) => {
    setActive(id);
    // Beside the list the picture follows; over the list it waits for Enter.
    if (view.id !== '' && matchMedia('(min-width: 1000px)').matches) change({ id, span: '' });
  };
  const open = (id: string) => {
    setActive(id);
    change({ id, span: id === view.id ? view.span : '' });
    // A reader of the screen goes where the eyes go.
    requestAnimationFrame(() => document.getElementById('detail-title')?.focus({ preventScroll: true }));
  };
  const toggle = (id: string, isWanted?: boolean) => {
    const next = new Set(expanded);
    if (isWanted ?? !next.has(id)) next.add(id);
    else next.delete(id);
    setExpanded(next);
  };
  const clear = () => change({ q: '', only: '', route: '' });
  const activeIndex = rows.findIndex(({ scope }) => scope.id === activeId);
  const move = (step: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, activeIndex + step))];
    if (row) activate(row.scope.id);
  };
  const expand = (isWanted: boolean) => {
    const row = rows[activeIndex];
    if (row?.isExpanded === !isWanted) toggle(row.scope.id, isWanted);
  };
  const moveOrSpan = (step: number) => moveFocusedSpan(step) || move(step);

  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => moveOrSpan(1),
    ArrowUp: () => moveOrSpan(-1),
    ArrowRight: () => expand(true),
    ArrowLeft: () => expand(false),
    Enter: () => rows[activeIndex] && open(activeId),
    Escape: () => {
      (document.activeElement as HTMLElement | null)?.blur();
      if (view.span) change({ span: '' });
      else if (view.id) {
        change({ id: '' });
        requestAnimationFrame(() => document.getElementById('list')?.focus());
      } else clear();
    },
    '/': () => document.getElementById('search')?.focus(),
    n: () => {
      const next = nextFailure(rows, activeIndex);
      if (next) open(next.scope.id);
    },
    p: () => {
      const parent = selected && store.parentOf(selected);
      if (parent) open(parent.id);
    },
    t: () => change({ as: view.as === '' ? 'table' : '' }),
    ' ': store.togglePause,
    '?': () => showHelp(true),
  });

  return (
    <div class={`app ${selected ? 'has-selection' : ''}`}>
      <header class="top">
        <h1>Background tasks</h1>
        <span class={`link-state ${store.link}`}>
          <i class="dot" aria-hidden="true" />
          {store.isPaused
            ? 'paused'
            : { live: 'live', connecting: 'connecting', away: 'away', refused: 'refused' }[store.link]}
        </span>
        <PageButtons store={store} showHelp={() => showHelp(true)} />
        <Strip store={store} />
      </header>
      <Away
        link={store.link}
        retryAt={store.retryAt}
        isDraining={store.status?.isDraining ?? false}
        retry={store.connect}
      />
      {store.missed > 0 ? (
        <p class="banner">
          {store.missed} changes came and went before they could be shown. Raise the capacity to keep more.
        </p>
      ) : null}
      <main>
        <section class="master" aria-label="Recent work">
          <Toolbar store={store} view={view} change={change} />
          {rows.length > 0 ? (
            <List rows={rows} activeId={activeId} selectedId={view.id} store={store} open={open} toggle={toggle} />
          ) : isFiltered(view) && store.scopes.length > 0 ? (
            <NothingFound total={store.scopes.length} clear={clear} />
          ) : store.hasFirstAnswer ? (
            <NothingYet />
          ) : (
            <div class="empty" aria-hidden="true" />
          )}
        </section>
        <section class="beside" aria-label="The chosen one">
          {selected ? (
            <Detail key={selected.id} store={store} scope={selected} view={view} change={change} go={open} />
          ) : view.id && store.hasFirstAnswer ? (
            <div class="legend">
              <h2>It is not kept any more</h2>
              <p>The server keeps the latest. This one has made room for a later one.</p>
            </div>
          ) : (
            <Legend />
          )}
        </section>
      </main>
      <p role="status" class="unseen">
        {store.announcement}
      </p>
      <Help isShown={isHelpShown} close={() => showHelp(false)} />
    </div>
  );
}

/** Renders again when the store has changed, once a frame at most. */
function useStore(store: Store): void {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    let frame = 0;
    const stop = store.subscribe(() => {
      // A hidden tab has no frames, and its title still counts.
      if (document.hidden) render(undefined);
      else frame ||= requestAnimationFrame(() => ((frame = 0), render(undefined)));
    });
    render(undefined);
    return stop;
  }, [store]);
}

function nextFailure(rows: readonly Row[], from: number): Row | undefined {
  const order = [...rows.slice(from + 1), ...rows.slice(0, Math.max(0, from))];
  return order.find(({ scope }) => hasFailed(scope));
}

/** Moves from bar to bar, where one of them has the focus. */
function moveFocusedSpan(step: number): boolean {
  const focused = document.activeElement;
  if (!focused?.matches('.span')) return false;
  const spans = [...document.querySelectorAll<HTMLElement>('.span')];
  spans[spans.indexOf(focused as HTMLElement) + step]?.focus();
  return true;
}
