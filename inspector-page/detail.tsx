import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ScopeRecord } from '../src/inspector/records.js';
import { ScopeFacts, SpanFacts } from './facts.js';
import { fold } from './fold.js';
import { duration, kindOf, nameOf } from './format.js';
import { hasFailed, isOpen, stateOf } from './outcome.js';
import { State, useTicking } from './parts.js';
import { SpanTable } from './span-table.js';
import { type Span, type Waterfall as Layout, waterfallOf } from './spans.js';
import type { Store } from './store.js';
import type { View } from './view.js';
import { Waterfall } from './waterfall.js';

interface Props {
  readonly store: Store;
  readonly scope: ScopeRecord;
  readonly view: View;
  readonly change: (part: Partial<View>) => void;
  readonly go: (id: string) => void;
}

/** The life of one scope. */
export function Detail({ store, scope, view, change, go }: Props): JSX.Element {
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  useTicking(isOpen(scope) || store.childrenOf(scope).some(isOpen));
  const layout = waterfallOf(scope, store.now, store.runsOf);
  const rows = fold(layout.spans, unfolded);
  const chosen = rows.find(({ id }) => id === view.span);
  useEffect(() => {
    document.querySelector('.span.selected')?.scrollIntoView({ block: 'nearest' });
  }, [view.span]);
  const select = (span: Span) => {
    if (span.folded) {
      const next = new Set(unfolded);
      if (!next.delete(span.id)) next.add(span.id);
      setUnfolded(next);
    }
    change({ span: view.span === span.id && !span.folded ? '' : span.id });
  };
  const tone = isOpen(scope) ? 'busy' : hasFailed(scope) ? 'bad' : 'good';
  return (
    <article class="detail" aria-labelledby="detail-title">
      <header>
        <button type="button" class="close" aria-label="Back to the list" onClick={() => change({ id: '', span: '' })}>
          ←
        </button>
        <h2 id="detail-title" tabIndex={-1}>
          <b class={`kind ${scope.kind}`}>{kindOf(scope)}</b> <span class="name">{nameOf(scope)}</span>{' '}
          <State tone={tone}>{stateOf(scope)}</State>
        </h2>
        <div class="segmented" role="group" aria-label="Shown as">
          {(['', 'table'] as const).map((as) => (
            <button type="button" key={as} aria-pressed={view.as === as} onClick={() => change({ as })}>
              {as === '' ? 'Bars' : 'Table'}
            </button>
          ))}
        </div>
        <p class="story">{storyOf(scope, layout)}</p>
      </header>
      <div class="life-and-facts">
        <div class="life-view">
          {view.as === 'table' ? (
            <SpanTable layout={layout} />
          ) : (
            <Waterfall
              layout={layout}
              rows={rows}
              status={scope.response?.statusCode}
              selected={view.span}
              select={select}
            />
          )}
        </div>
        {chosen ? (
          <SpanFacts span={chosen} scope={scope} store={store} close={() => change({ span: '' })} />
        ) : (
          <ScopeFacts scope={scope} store={store} go={go} />
        )}
      </div>
    </article>
  );
}

/** Says in a sentence or two what the picture shows. */
function storyOf(scope: ScopeRecord, { from, to, line, spans }: Layout): JSX.Element {
  const { response } = scope;
  if (!line) {
    return (
      <>{isOpen(scope) ? `It has been going on for ${duration(to - from)}.` : `It took ${duration(to - from)}.`}</>
    );
  }
  const { at: responseAt, name } = line;
  const answered =
    name === 'work'
      ? 'The work took'
      : response?.aborted
        ? 'The client left after'
        : `Answered ${response?.statusCode ?? ''} after`;
  const late = spans.filter((span) => span.kind === 'resource' && span.to > responseAt);
  const longest = late.toSorted((a, b) => b.to - a.to)[0];
  return (
    <>
      {answered} <b>{duration(responseAt - from)}</b>.{' '}
      {to - responseAt < 0.05 ? (
        'Nothing ran past it.'
      ) : (
        <>
          {name === 'work' ? 'What it left' : 'Work'} {isOpen(scope) ? 'has gone' : 'went'} on for{' '}
          <b>{duration(to - responseAt)}</b> more
          {longest ? (
            <>
              ; <code>{longest.name}</code> {longest.isOpen ? 'is still held,' : 'was held'}{' '}
              <b>{duration(longest.to - responseAt)}</b> after the {name}
            </>
          ) : null}
          .
        </>
      )}
    </>
  );
}
