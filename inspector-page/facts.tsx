import type { JSX } from 'preact';
import type { ErrorRecord, ScopeRecord, TaskRecord } from '../src/inspector/records.js';
import { Carried, isCarried } from './carried.js';
import {
  counted,
  duration,
  errorText,
  isOfPackage,
  kindOf,
  nameOf,
  reasonText,
  shortPlace,
  timeOfDay,
} from './format.js';
import { hasClient } from './outcome.js';
import { Copy, Fact, State } from './parts.js';
import type { Span } from './spans.js';
import type { Store } from './store.js';

interface SpanFactsProps {
  readonly span: Span;
  readonly scope: ScopeRecord;
  readonly store: Store;
  readonly close: () => void;
}

/** The details of a span. */
export function SpanFacts({ span, scope, store, close }: SpanFactsProps): JSX.Element {
  const { task, resource, error } = span;
  return (
    <section class="facts docked" aria-label={`Details of ${span.name}`} tabIndex={0}>
      <button type="button" class="shut" aria-label="Close the details" onClick={close}>
        ×
      </button>
      <h3>
        {span.name} <State tone={span.tone}>{span.state}</State>
      </h3>
      <p class="words">{span.words}</p>
      <dl>
        <Fact name="Begins">
          {duration(span.from - scope.begunAt)} after the {hasClient(scope) ? 'request came in' : 'work began'}
        </Fact>
        {span.waitMs > 0 ? <Fact name="Waits">{duration(span.waitMs)}</Fact> : null}
        <Fact name={span.kind === 'resource' ? 'Held' : 'Runs'}>{duration(span.runMs)}</Fact>
        {task && isCarried(task) ? <Carried key={task.id} task={task} store={store} /> : null}
        {task ? <TaskFacts task={task} /> : null}
        {resource ? (
          <>
            <Fact name="Released">
              {resource.release === 'before-response' ? 'before the response' : 'after the tasks'}
            </Fact>
            {resource.acquiredAt === undefined ? null : (
              <Fact name="Acquired in">{duration(resource.acquiredAt - resource.acquiringAt)}</Fact>
            )}
            {resource.releasedAt === undefined ? null : (
              <Fact name="Release took">{duration(resource.releasedAt - (resource.releasingAt ?? 0))}</Fact>
            )}
          </>
        ) : null}
      </dl>
      {task && task.attempts.length > 1 ? <Attempts task={task} /> : null}
      {error ? <ErrorText error={error} /> : null}
    </section>
  );
}

function TaskFacts({ task }: { task: TaskRecord }): JSX.Element {
  return (
    <>
      {task.reason ? <Fact name="Because">{reasonText(task.reason)}</Fact> : null}
      {task.progress === undefined ? null : <Fact name="Progress">{task.progress}</Fact>}
      {task.place ? (
        <Fact name="Added">
          <code title={task.place}>{shortPlace(task.place)}</code>{' '}
          <Copy text={task.place} what="the place that added it" />
        </Fact>
      ) : null}
      <Fact name="Kind">
        {task.isNamed ? 'named task' : 'closure of this process'}
        {task.usesThread ? ', in a thread' : ''}
        {task.batchSize === undefined ? '' : `, in a batch of ${task.batchSize.toLocaleString('en')}`}
        {task.waitsFor === undefined ? '' : `, waits for ${counted(task.waitsFor, 'other task')}`}
      </Fact>
      <Id name="Trace" id={task.traceId} what="the id of the trace" />
      <Id name="Id" id={task.id} what="the id of the task" />
    </>
  );
}

function Attempts({ task }: { task: TaskRecord }): JSX.Element {
  return (
    <ol class="attempts" aria-label="Attempts">
      {task.attempts.map(({ number, startedAt, endedAt, state, error, delayMs }) => (
        <li key={number}>
          <b>{number}</b>
          <span>
            {state ?? 'running'}
            {endedAt === undefined ? '' : ` after ${duration(endedAt - startedAt)}`}
            {delayMs === undefined ? '' : `, next in ${duration(delayMs)}`}
            {error ? <small>{error.message}</small> : null}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** The details of a scope. */
export function ScopeFacts({ scope, store, go }: { scope: ScopeRecord; store: Store; go: (id: string) => void }) {
  const parent = store.parentOf(scope);
  const children = store.childrenOf(scope);
  const error = scope.handlerError;
  return (
    <section class="facts" aria-label="Details">
      <h3>{hasClient(scope) ? 'The request' : 'The work'}</h3>
      <dl>
        <Fact name="Came in">{timeOfDay(scope.begunAt)}</Fact>
        {scope.handlerEndedAt === undefined ? null : (
          <Fact name={hasClient(scope) ? 'Handler' : 'Work'}>{duration(scope.handlerEndedAt - scope.begunAt)}</Fact>
        )}
        {scope.response && hasClient(scope) ? (
          <Fact name="Response">
            {scope.response.statusCode ?? ''} after {duration(scope.response.at - scope.begunAt)}
          </Fact>
        ) : null}
        <Fact name="Closed">
          {scope.closedAt === undefined ? 'still open' : `after ${duration(scope.closedAt - scope.begunAt)}`}
        </Fact>
        {parent ? (
          <Fact name="Began in">
            <button type="button" class="link" onClick={() => go(parent.id)}>
              {kindOf(parent)} {nameOf(parent)}
            </button>
          </Fact>
        ) : null}
        {children.length > 0 ? (
          <Fact name="Began here">
            {children.slice(0, 10).map((child) => (
              <button type="button" class="link" key={child.id} onClick={() => go(child.id)}>
                {kindOf(child)} {nameOf(child)}
              </button>
            ))}
          </Fact>
        ) : null}
        {scope.leftOut ? <Fact name="Not shown">{scope.leftOut} more tasks or resources</Fact> : null}
        <Id name="Trace" id={scope.traceId} what="the id of the trace" />
        <Id name="Id" id={scope.id} what="the id" />
      </dl>
      {error ? <ErrorText error={error} /> : null}
    </section>
  );
}

function Id({ name, id, what }: { name: string; id: string | undefined; what: string }): JSX.Element | null {
  if (id === undefined) return null;
  return (
    <Fact name={name}>
      <code>{id}</code> <Copy text={id} what={what} />
    </Fact>
  );
}

function ErrorText({ error }: { error: ErrorRecord }): JSX.Element {
  const own = error.stack.filter((line) => !isOfPackage(line));
  const shown = own.length > 0 ? own : error.stack;
  const hidden = error.stack.length - shown.length;
  return (
    <div class="error">
      <Copy text={errorText(error)} what="the error" />
      <p>
        <b>{error.name}</b> {error.message}
      </p>
      {error.stack.length > 0 ? (
        <pre tabIndex={0} aria-label="Stack">
          {shown.map(shortPlace).join('\n')}
          {hidden > 0 ? `\n… ${counted(hidden, 'line')} of packages` : ''}
        </pre>
      ) : null}
      {error.cause ? (
        <div class="cause">
          <span>caused by</span>
          <ErrorText error={error.cause} />
        </div>
      ) : null}
    </div>
  );
}
