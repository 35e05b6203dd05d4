import { duration } from './format.js';
import type { Segment, Span } from './spans.js';

/** Lets one row stand for three or more equal ones in a row, unless it is unfolded. */
export function fold(spans: readonly Span[], unfolded: ReadonlySet<string>): Span[] {
  const rows: Span[] = [];
  for (let index = 0; index < spans.length;) {
    const first = spans[index]!;
    let end = index + 1;
    while (end < spans.length && areEqual(spans[end]!, first)) end++;
    const equal = spans.slice(index, end);
    if (equal.length < 3) rows.push(...equal);
    else {
      rows.push(foldedSpan(equal));
      if (unfolded.has(`fold:${first.id}`)) rows.push(...equal.map((span) => ({ ...span, depth: span.depth + 1 })));
    }
    index = end;
  }
  return rows;
}

function areEqual(a: Span, b: Span): boolean {
  const isFoldable = a.kind === 'task' || a.kind === 'resource';
  return isFoldable && a.kind === b.kind && a.name === b.name && a.state === b.state && a.depth === b.depth;
}

function foldedSpan(spans: readonly Span[]): Span {
  const first = spans[0]!;
  const longest = Math.max(...spans.map(({ runMs }) => runMs));
  const total = spans.reduce((sum, { runMs }) => sum + runMs, 0);
  const words =
    first.kind === 'task'
      ? `ran ${duration(total)} together, the longest ${duration(longest)}`
      : `held, the longest ${duration(longest)}`;
  return {
    ...first,
    id: `fold:${first.id}`,
    words,
    from: Math.min(...spans.map(({ from }) => from)),
    to: Math.max(...spans.map(({ to }) => to)),
    isOpen: spans.some(({ isOpen }) => isOpen),
    segments: united(spans.flatMap(({ segments }) => segments)),
    waitMs: Math.max(...spans.map(({ waitMs }) => waitMs)),
    runMs: total,
    folded: spans,
  };
}

/** Draws what overlaps once: tasks wait, and resources are held, side by side. */
function united(segments: readonly Segment[]): Segment[] {
  const ended = segments.filter(({ look }) => look !== 'wait' && look !== 'held');
  for (const look of ['wait', 'held'] as const) {
    let last: Segment | undefined;
    for (const segment of segments.filter((each) => each.look === look).toSorted((a, b) => a.from - b.from)) {
      // A bar of the folded row is drawn over the rest of it.
      if (last && segment.from < last.to) last = lengthened(last, segment.to);
      else {
        if (last) ended.unshift(last);
        last = segment;
      }
    }
    if (last) ended.unshift(last);
  }
  return ended;
}

function lengthened(segment: Segment, to: number): Segment {
  return { ...segment, to: Math.max(segment.to, to) };
}
