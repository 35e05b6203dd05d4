import { type ComponentChildren, Fragment, type JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { TaskRecord } from '../src/inspector/records.js';
import { counted } from './format.js';
import type { Tone } from './outcome.js';
import type { Span } from './spans.js';

/** A word for a state, with its colour and its shape. */
export function State({ tone, children }: { tone: Tone; children: ComponentChildren }): JSX.Element {
  return (
    <span class={`state ${tone}`}>
      <i class={`dot ${tone}`} aria-hidden="true" />
      {children}
    </span>
  );
}

/** The name of a span, with marks for a thread, a batch and a group. */
export function SpanName({ span: { name, task } }: { span: Span }): JSX.Element {
  return (
    <>
      {name}
      {task &&
        marksOf(task).map((mark) => (
          <Fragment key={mark}>
            {' '}
            <b class="mark">{mark}</b>
          </Fragment>
        ))}
    </>
  );
}

function marksOf({ usesThread, batchSize, waitsFor }: TaskRecord): string[] {
  return [
    ...(usesThread ? ['thread'] : []),
    ...(batchSize === undefined ? [] : [`batch of ${batchSize.toLocaleString('en')}`]),
    ...(waitsFor === undefined ? [] : [`after ${counted(waitsFor, 'task')}`]),
  ];
}

/** A line of details. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A button that copies a text, and says that it did. */
export function Copy({ text, what }: { text: string; what: string }): JSX.Element | null {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [isCopied]);
  // Only a secure context has a clipboard: HTTPS, or this machine.
  if (!isSecureContext) return null;
  return (
    <button
      type="button"
      class="copy"
      aria-label={isCopied ? `Copied ${what}` : `Copy ${what}`}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      {isCopied ? 'copied' : 'copy'}
    </button>
  );
}

/** Renders again while something is going on, so that its bars grow. */
export function useTicking(isTicking: boolean): void {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!isTicking) return undefined;
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const timer = setInterval(() => document.hidden || tick((count) => count + 1), isCalm ? 1_000 : 100);
    return () => clearInterval(timer);
  }, [isTicking]);
}
