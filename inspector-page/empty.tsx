import type { JSX } from 'preact';
import { counted } from './format.js';
import { Copy } from './parts.js';
import type { Link } from './store.js';

const LINE = 'this.tasks.addTask(sendMail, user.email);';

/** Shown while the server has nothing to tell. */
export function NothingYet(): JSX.Element {
  const curl = `curl -X POST ${location.origin}/users`;
  return (
    <div class="empty">
      <h2>Nothing has happened yet</h2>
      <p>Each request that uses a background task or a resource appears here, with its whole life.</p>
      <ol>
        <li>
          Add a task in a handler, where <code>tasks</code> is the injected <code>BackgroundTasks</code>:
          <Line text={LINE} what="the line of code" />
        </li>
        <li>
          Send that route a request, for example:
          <Line text={curl} what="the command" />
        </li>
      </ol>
    </div>
  );
}

function Line({ text, what }: { text: string; what: string }): JSX.Element {
  return (
    <span class="line">
      <code>{text}</code>
      <Copy text={text} what={what} />
    </span>
  );
}

/** Shown where no record passes the filters. */
export function NothingFound({ total, clear }: { total: number; clear: () => void }): JSX.Element {
  return (
    <div class="empty">
      <h2>Nothing matches</h2>
      <p>{counted(total, 'request')} and units of work are kept, and the filters leave none of them.</p>
      <button type="button" class="primary" onClick={clear}>
        Clear the filters
      </button>
    </div>
  );
}

/** Shown beside the list while nothing of it is chosen: how to read the picture. */
export function Legend(): JSX.Element {
  return (
    <div class="legend">
      <h2>Choose a request to see its life</h2>
      <p>
        The bars share one scale. The blue line is the moment at which the response left: the client waits for nothing
        to the right of it.
      </p>
      <LegendRows />
      <p class="keys-hint">
        <kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> opens, <kbd>?</kbd> shows all keys.
      </p>
    </div>
  );
}

export function LegendRows(): JSX.Element {
  return (
    <ul class="legend-rows">
      {(
        [
          ['handler', 'Handler', 'guards, pipes, interceptors and the handler itself'],
          ['sending', 'Response', 'from the handler’s result to the last byte'],
          ['wait', 'Waiting', 'a task in its queue'],
          ['run', 'Running', 'a task; its attempts are numbered'],
          ['bad', 'Failed', 'an attempt, a hand-over or a release that failed'],
          ['held after', 'Resource', 'held until its release; pale before the response'],
          ['hand-over', 'Hand-over', 'named tasks on their way to the backend'],
          ['gap', 'Unaccounted', 'time in which nothing is known to happen'],
        ] as const
      ).map(([look, name, text]) => (
        <li key={look}>
          <span class="sample" aria-hidden="true">
            <i class={`bar ${look}`} />
          </span>
          <b>{name}</b> <span>{text}</span>
        </li>
      ))}
    </ul>
  );
}

interface AwayProps {
  readonly link: Link;
  readonly retryAt: number | undefined;
  readonly isDraining: boolean;
  readonly retry: () => void;
}

/** Shown while the page cannot hear the server. */
export function Away({ link, retryAt, isDraining, retry }: AwayProps): JSX.Element | null {
  if (link === 'refused') {
    return (
      <p class="banner bad" role="alert">
        <b>The server refuses this page.</b> Sign in again, then reload it.
      </p>
    );
  }
  if (link !== 'away') return null;
  const seconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1_000));
  return (
    <p class="banner" role="alert">
      <span>
        <b>{isDraining ? 'The server has shut down.' : 'The server is away.'}</b> What you see is the last it said.
      </span>
      <button type="button" onClick={retry}>
        Try now<span aria-hidden="true">{seconds > 0 ? ` (${seconds} s)` : ''}</span>
      </button>
    </p>
  );
}
