import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { TaskLookup, TaskRecord } from '../src/inspector/records.js';
import { counted } from './format.js';
import type { Tone } from './outcome.js';
import { Fact, State } from './parts.js';
import type { Store } from './store.js';

/** Whether a task is the backend's: this process has given it away, or was given it. */
export function isCarried({ isNamed, state, acceptedAt }: TaskRecord): boolean {
  return isNamed && (state === 'enqueued' || acceptedAt === undefined);
}

/** The state of a task at the backend, which any process may change. Asked for when it is shown, and on demand. */
export function Carried({ task, store }: { task: TaskRecord; store: Store }): JSX.Element | null {
  const [lookup, setLookup] = useState<TaskLookup>();
  const [asked, ask] = useState(0);
  useEffect(() => {
    let isLatest = true;
    void store.lookUp(task.id).then((found) => isLatest && setLookup(found));
    return () => void (isLatest = false);
  }, [task.state, asked]);
  if (!lookup || lookup.kind === 'untold') return null;
  return (
    <Fact name="Backend">
      <span aria-live="polite">
        <Answer lookup={lookup} />
      </span>{' '}
      <button type="button" class="copy" onClick={() => ask(asked + 1)}>
        look again
      </button>
      {lookup.kind === 'found' && lookup.board ? (
        <a class="link" href={lookup.board} target="_blank" rel="noreferrer">
          its job in bull-board
        </a>
      ) : null}
    </Fact>
  );
}

function Answer({ lookup }: { lookup: Exclude<TaskLookup, { kind: 'untold' }> }): JSX.Element {
  switch (lookup.kind) {
    case 'found':
      return (
        <>
          <State tone={TONES[lookup.state]}>{lookup.state}</State>
          {lookup.attempts > 0 ? `, ${counted(lookup.attempts, 'attempt')}` : ''}
        </>
      );
    case 'gone':
      return <>has no such task, or not any more</>;
    case 'unknown':
      return <State tone="bad">{lookup.reason}</State>;
  }
}

const TONES: Readonly<Record<Extract<TaskLookup, { kind: 'found' }>['state'], Tone>> = {
  waiting: 'waiting',
  delayed: 'waiting',
  running: 'busy',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'quiet',
  discarded: 'quiet',
};
