import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { LegendRows } from './empty.js';

const KEYS = [
  ['j', 'k', 'next and previous row'],
  ['Enter', '', 'open the row'],
  ['→', '←', 'show and hide what began in it'],
  ['Esc', '', 'close, or clear the filters'],
  ['/', '', 'search'],
  ['n', '', 'next failure'],
  ['p', '', 'what it began in'],
  ['Space', '', 'pause'],
  ['t', '', 'bars or table'],
  ['?', '', 'this help'],
] as const;

/** The keys, and how to read the picture. */
export function Help({ isShown, close }: { isShown: boolean; close: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key is read: Escape right after ? has a dialog to close.
  useLayoutEffect(() => {
    if (isShown) dialog.current!.showModal();
    else dialog.current!.close();
  }, [isShown]);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="help-title">
      <h2 id="help-title">Keyboard</h2>
      <dl class="keys">
        {KEYS.map(([key, other, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd> {other ? <kbd>{other}</kbd> : null}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <h2>The picture</h2>
      <LegendRows />
      <button type="button" class="primary" onClick={close}>
        Close
      </button>
    </dialog>
  );
}
