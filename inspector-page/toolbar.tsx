import type { JSX } from 'preact';
import type { Store } from './store.js';
import type { View } from './view.js';

interface Props {
  readonly store: Store;
  readonly view: View;
  readonly change: (part: Partial<View>) => void;
}

/** The filters of the list. */
export function Toolbar({ store, view, change }: Props): JSX.Element {
  const routes = [...new Set([...store.scopes.map(({ description }) => description), view.route])];
  return (
    <div class="toolbar" role="search" aria-label="Filters">
      <input
        type="search"
        id="search"
        placeholder="Search names, ids, errors"
        aria-label="Search names, ids and errors"
        aria-keyshortcuts="/"
        value={view.q}
        onInput={({ currentTarget }) => change({ q: currentTarget.value })}
      />
      <select
        aria-label="Route or kind of work"
        value={view.route}
        onChange={({ currentTarget }) => change({ route: currentTarget.value })}
      >
        <option value="">All routes</option>
        {routes
          .filter(Boolean)
          .sort()
          .map((route) => (
            <option key={route} value={route}>
              {route}
            </option>
          ))}
      </select>
      <div class="segmented" role="group" aria-label="State">
        {(['', 'failed', 'open'] as const).map((only) => (
          <button type="button" key={only} aria-pressed={view.only === only} onClick={() => change({ only })}>
            {only === '' ? 'All' : only === 'failed' ? 'Failed' : 'Open'}
          </button>
        ))}
      </div>
    </div>
  );
}

/** The buttons for the page as a whole. */
export function PageButtons({ store, showHelp }: { store: Store; showHelp: () => void }): JSX.Element {
  return (
    <div class="page-buttons">
      <button
        type="button"
        class={`pause ${store.isPaused ? 'on' : ''}`}
        aria-pressed={store.isPaused}
        aria-keyshortcuts="Space"
        onClick={store.togglePause}
      >
        {store.isPaused ? (store.heldCount > 0 ? `Paused · ${store.heldCount} new` : 'Paused') : 'Pause'}
      </button>
      <button
        type="button"
        class="help-button"
        aria-label="Keyboard and legend"
        aria-keyshortcuts="?"
        onClick={showHelp}
      >
        ?
      </button>
    </div>
  );
}
