import type { ComponentChildren, JSX } from 'preact';
import { duration } from './format.js';
import type { Store } from './store.js';

/** The state of the process, in eight figures. */
export function Strip({ store }: { store: Store }): JSX.Element {
  const { status } = store;
  if (!status) return <dl class="strip" aria-label="The process, now" />;
  const { running, waiting, maxPending, oldestAt, failedLastMinute, openResources, eventLoopDelayMs } = status;
  const oldestMs = oldestAt === undefined ? undefined : store.now - oldestAt;
  const isFull = maxPending !== undefined && waiting >= maxPending * 0.8;
  return (
    <dl class="strip" aria-label="The process, now">
      <Figure name="Running" tone={running > 0 ? 'busy' : ''}>
        {running.toLocaleString('en')}
      </Figure>
      <Figure name="Waiting" tone={isFull ? 'bad' : ''} note={maxPending && `of ${maxPending.toLocaleString('en')}`}>
        {waiting.toLocaleString('en')}
      </Figure>
      <Figure name="Oldest waits" tone={(oldestMs ?? 0) > 30_000 ? 'bad' : ''}>
        {oldestMs === undefined ? '–' : duration(oldestMs)}
      </Figure>
      <Figure name="Failed, last minute" tone={failedLastMinute > 0 ? 'bad' : ''}>
        {failedLastMinute.toLocaleString('en')}
      </Figure>
      <Figure name="Resources open">{openResources.toLocaleString('en')}</Figure>
      <Figure name="Event loop delay" tone={eventLoopDelayMs > 100 ? 'bad' : ''}>
        {duration(eventLoopDelayMs)}
      </Figure>
      <Figure name="Shutdown" tone={status.isDraining ? 'busy' : ''}>
        {status.isDraining ? 'draining' : 'no'}
      </Figure>
      <Figure name="Backend" tone={status.lost ? 'bad' : ''} note={status.lost?.reason}>
        {status.lost ? 'lost' : 'up'}
      </Figure>
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly tone?: string;
  readonly note?: string | number | undefined;
  readonly children: ComponentChildren;
}

function Figure({ name, tone = '', note, children }: FigureProps): JSX.Element {
  return (
    <div class={tone}>
      <dt>{name}</dt>
      <dd>
        {children}
        {note ? <small title={String(note)}>{note}</small> : null}
      </dd>
    </div>
  );
}
