import type { ErrorRecord, ResourceRecord, ScopeRecord, TaskRecord } from '../src/inspector/records.js';
import { counted, duration } from './format.js';
import { hasClient, type Tone, toneOf } from './outcome.js';
import { resourceWords, taskWords } from './span-words.js';

/** A part of a bar. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly look:
    'handler' | 'sending' | 'hand-over' | 'wait' | 'run' | 'bad' | 'delay' | 'acquire' | 'held' | 'release' | 'gap';
  /** The number of the attempt, where there was more than one. */
  readonly mark?: string;
}

/** A row of the waterfall. */
export interface Span {
  readonly id: string;
  readonly kind: 'handler' | 'response' | 'hand-over' | 'task' | 'resource' | 'gap';
  readonly name: string;
  readonly state: string;
  readonly tone: Tone;
  /** What there is to know at a glance. */
  readonly words: string;
  readonly depth: number;
  readonly from: number;
  readonly to: number;
  readonly isOpen: boolean;
  readonly segments: readonly Segment[];
  readonly waitMs: number;
  readonly runMs: number;
  readonly task?: TaskRecord;
  readonly resource?: ResourceRecord;
  readonly error?: ErrorRecord;
  /** The equal spans that this row stands for. */
  readonly folded?: readonly Span[];
}

/** A scope as a waterfall. All moments are those of the server. */
export interface Waterfall {
  readonly from: number;
  readonly to: number;
  /** The moment at which the response left, or the work itself was done. */
  readonly line: Line | undefined;
  readonly spans: readonly Span[];
}

/** What the bars run past. */
export interface Line {
  readonly at: number;
  /** What it is called: work that nobody waits for has no response. */
  readonly name: 'response' | 'work';
}

/** Returns the units of work that began in a task. */
export type FindRuns = (taskId: string) => readonly ScopeRecord[];

/** Lays out the life of a scope, as it is at `now`. */
export function waterfallOf(scope: ScopeRecord, now: number, findRuns: FindRuns = () => []): Waterfall {
  const line = lineOf(scope);
  const parts = [...handlerSpans(scope, now), ...handOverSpans(scope), ...workSpans(scope, now, line, findRuns)];
  const lastEnd = Math.max(scope.begunAt, ...parts.map(({ to }) => to));
  const to = Math.max(scope.closedAt ?? now, lastEnd);
  return { from: scope.begunAt, to, line, spans: [...parts, ...gapSpans(scope, to, parts)] };
}

function lineOf(scope: ScopeRecord): Line | undefined {
  const at = scope.response?.at;
  return at === undefined ? undefined : { at, name: hasClient(scope) ? 'response' : 'work' };
}

function handlerSpans(scope: ScopeRecord, now: number): Span[] {
  const { begunAt, handlerEndedAt, response, closedAt, handlerError, job } = scope;
  const end = handlerEndedAt ?? response?.at ?? closedAt ?? now;
  const isRunning = handlerEndedAt === undefined && closedAt === undefined && !response;
  const handler: Span = {
    ...bar('handler', 'handler', hasClient(scope) ? 'handler' : 'work', begunAt, end, [
      { from: begunAt, to: end, look: 'handler' },
    ]),
    state: handlerError ? 'threw' : isRunning ? 'running' : 'returned',
    tone: handlerError ? 'bad' : isRunning ? 'busy' : 'good',
    words: handlerError
      ? `threw ${handlerError.name} after ${duration(end - begunAt)}`
      : `${isRunning ? 'runs for' : 'took'} ${duration(end - begunAt)}`,
    isOpen: isRunning,
    ...(handlerError && { error: handlerError }),
    ...(job && { task: job }),
  };
  if (!hasClient(scope) || (!response && (closedAt !== undefined || scope.kind !== 'http'))) return [handler];
  if (!response && isRunning) return [handler];
  const sentAt = response?.at ?? now;
  const status = response?.statusCode;
  const sending: Span = {
    ...bar('response', 'response', 'response', end, sentAt, [{ from: end, to: sentAt, look: 'sending' }]),
    state: response ? (response.aborted ? 'client left' : 'sent') : 'sending',
    tone: response ? (response.aborted || (status ?? 0) >= 500 ? 'bad' : 'good') : 'busy',
    words: response
      ? `${response.aborted ? 'the client left' : `${status ?? 'reply'} left`} ${duration(sentAt - end)} after the handler`
      : `on its way for ${duration(sentAt - end)}`,
    isOpen: !response,
  };
  return [handler, sending];
}

function handOverSpans({ handOvers }: ScopeRecord): Span[] {
  return handOvers.map(({ startedAt, endedAt, taskIds, error }, index) => ({
    ...bar(`hand-over:${index}`, 'hand-over', 'hand-over', startedAt, endedAt, [
      { from: startedAt, to: endedAt, look: error ? 'bad' : 'hand-over' },
    ]),
    state: error ? 'refused' : 'confirmed',
    tone: error ? 'bad' : 'good',
    words: `the backend ${error ? 'refused' : 'took'} ${counted(taskIds.length, 'task')} in ${duration(endedAt - startedAt)}`,
    ...(error && { error }),
  }));
}

function workSpans(scope: ScopeRecord, now: number, line: Line | undefined, findRuns: FindRuns, depth = 0): Span[] {
  const tasks = scope.tasks.flatMap((task) => [
    taskSpan(task, now, line, depth),
    // Deep chains are a list of units of work, not a picture.
    ...(depth < 2 ? findRuns(task.id).flatMap((run) => workSpans(run, now, line, findRuns, depth + 1)) : []),
  ]);
  return [...tasks, ...scope.resources.map((resource) => resourceSpan(resource, scope, now, line, depth))];
}

function taskSpan(task: TaskRecord, now: number, line: Line | undefined, depth: number): Span {
  const { attempts, settledAt, state, acceptedAt } = task;
  const firstStart = attempts[0]?.startedAt;
  const from = acceptedAt ?? firstStart ?? now;
  const end = settledAt ?? now;
  const segments: Segment[] = [];
  const waitEnd = firstStart ?? end;
  if (waitEnd > from) segments.push({ from, to: waitEnd, look: 'wait' });
  for (const [index, attempt] of attempts.entries()) {
    const { startedAt, endedAt = end, number } = attempt;
    const mark = attempts.length > 1 || number > 1 ? { mark: String(number) } : {};
    segments.push({ from: startedAt, to: endedAt, look: attempt.error ? 'bad' : 'run', ...mark });
    if (attempt.delayMs === undefined) continue;
    segments.push({ from: endedAt, to: attempts[index + 1]?.startedAt ?? end, look: 'delay' });
  }
  const error = attempts.findLast((attempt) => attempt.error)?.error ?? task.error;
  const runMs = attempts.reduce((sum, { startedAt, endedAt = end }) => sum + endedAt - startedAt, 0);
  return {
    ...bar(`task:${task.id}`, 'task', task.name, from, end, segments),
    state,
    tone: toneOf(state),
    words: taskWords(task, runMs, end, now, line),
    depth,
    isOpen: settledAt === undefined,
    waitMs: Math.max(0, waitEnd - from),
    runMs,
    task,
    ...(error && { error }),
  };
}

function resourceSpan(
  resource: ResourceRecord,
  scope: ScopeRecord,
  now: number,
  line: Line | undefined,
  depth: number,
): Span {
  const { acquiringAt, acquiredAt, acquireError, releaseError, releasedAt } = resource;
  const isHeld = acquiredAt !== undefined && releasedAt === undefined;
  // What its scope has closed without releasing is nobody's to release any more.
  const end = releasedAt ?? (isHeld ? (scope.closedAt ?? now) : acquiringAt);
  const releasingAt = resource.releasingAt ?? end;
  const segments: Segment[] = [];
  if (acquiredAt === undefined) segments.push({ from: acquiringAt, to: end, look: 'bad' });
  else {
    if (acquiredAt > acquiringAt) segments.push({ from: acquiringAt, to: acquiredAt, look: 'acquire' });
    segments.push(...splitAt(line?.at, { from: acquiredAt, to: releasingAt, look: 'held' }));
    if (end > releasingAt) segments.push({ from: releasingAt, to: end, look: releaseError ? 'bad' : 'release' });
  }
  const error = acquireError ?? releaseError;
  const isOpen = isHeld && scope.closedAt === undefined;
  return {
    ...bar(`resource:${scope.id}:${resource.id}`, 'resource', resource.name, acquiringAt, end, segments),
    state: acquireError ? 'not acquired' : releaseError ? 'release failed' : isOpen ? 'open' : 'released',
    tone: error ? 'bad' : isOpen ? 'busy' : 'good',
    words: resourceWords(resource, end, isOpen, line),
    depth,
    isOpen,
    runMs: Math.max(0, end - (acquiredAt ?? end)),
    resource,
    ...(error && { error }),
  };
}

/** The time in which nothing happens that is known of, where that is more than a hair. */
function gapSpans(scope: ScopeRecord, to: number, parts: readonly Span[]): Span[] {
  const busy = parts
    .flatMap(({ segments }) => segments)
    .filter(({ look }) => look !== 'held')
    .toSorted((a, b) => a.from - b.from);
  const least = Math.max(1, (to - scope.begunAt) * 0.005);
  const gaps: Segment[] = [];
  let end = scope.begunAt;
  for (const segment of busy) {
    if (segment.from - end >= least) gaps.push({ from: end, to: segment.from, look: 'gap' });
    end = Math.max(end, segment.to);
  }
  if (scope.closedAt !== undefined && scope.closedAt - end >= least)
    gaps.push({ from: end, to: scope.closedAt, look: 'gap' });
  if (gaps.length === 0) return [];
  const total = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  return [
    {
      ...bar('gap', 'gap', 'unaccounted', gaps[0]!.from, gaps.at(-1)!.to, gaps),
      state: 'unknown',
      tone: 'quiet',
      words: `nobody accounts for ${duration(total)}`,
      runMs: total,
    },
  ];
}

function splitAt(at: number | undefined, segment: Segment): Segment[] {
  if (at === undefined || at <= segment.from || at >= segment.to) return [segment];
  return [
    { ...segment, to: at },
    { ...segment, from: at },
  ];
}

function bar(
  id: string,
  kind: Span['kind'],
  name: string,
  from: number,
  to: number,
  segments: readonly Segment[],
): Omit<Span, 'state' | 'tone' | 'words'> {
  return { id, kind, name, from, to, segments, depth: 0, isOpen: false, waitMs: 0, runMs: to - from };
}
