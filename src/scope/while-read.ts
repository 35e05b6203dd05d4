import { defer, finalize, type Observable } from 'rxjs';

/**
 * Returns the same Observable. Calls `over` once, when nobody reads it any more: its last subscription has ended, or there
 * was none by the end of this turn of the event loop. Nest itself leaves an answer unread that nobody waits for.
 */
export function whileRead(source: Observable<unknown>, over: () => void): Observable<unknown> {
  let readers = 0;
  let isOver = false;
  const left = () => {
    if (isOver || readers > 0) return;
    isOver = true;
    over();
  };
  setImmediate(left);
  return defer(() => {
    readers++;
    return source.pipe(
      finalize(() => {
        readers--;
        left();
      }),
    );
  });
}
