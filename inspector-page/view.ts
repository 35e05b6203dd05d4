import { useCallback, useEffect, useState } from 'preact/hooks';

/** What the address of the page says: what is shown, and what of it is chosen. */
export interface View {
  readonly q: string;
  readonly only: '' | 'failed' | 'open';
  readonly route: string;
  readonly id: string;
  readonly span: string;
  readonly as: '' | 'table';
}

const NOTHING: View = { q: '', only: '', route: '', id: '', span: '', as: '' };

/** Keeps the view in the address, so that a reload or a colleague sees the same. */
export function useView(): readonly [View, (change: Partial<View>) => void] {
  const [view, setView] = useState(readView);
  useEffect(() => {
    const read = () => setView(readView());
    addEventListener('popstate', read);
    return () => removeEventListener('popstate', read);
  }, []);
  const change = useCallback((part: Partial<View>) => {
    setView((before) => {
      const after = { ...before, ...part };
      // "Back" leads from a request to the list.
      const isOpened = before.id === '' && after.id !== '';
      history[isOpened ? 'pushState' : 'replaceState'](null, '', addressOf(after));
      return after;
    });
  }, []);
  return [view, change];
}

function readView(): View {
  const given = new URLSearchParams(location.search);
  const [only, as] = [given.get('only'), given.get('as')];
  return {
    q: given.get('q') ?? '',
    only: only === 'failed' || only === 'open' ? only : '',
    route: given.get('route') ?? '',
    id: given.get('id') ?? '',
    span: given.get('span') ?? '',
    as: as === 'table' ? as : '',
  };
}

function addressOf(view: View): string {
  const search = new URLSearchParams();
  for (const name of Object.keys(NOTHING) as (keyof View)[]) if (view[name]) search.set(name, view[name]);
  return search.size > 0 ? `?${search}` : location.pathname;
}
