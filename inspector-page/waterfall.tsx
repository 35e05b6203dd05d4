import type { JSX } from 'preact';
import { duration } from './format.js';
import { SpanName, State } from './parts.js';
import type { Segment, Span, Waterfall as Layout } from './spans.js';

interface Props {
  readonly layout: Layout;
  readonly rows: readonly Span[];
  readonly status: number | undefined;
  readonly selected: string;
  readonly select: (span: Span) => void;
}

/** The life of a scope as bars on one scale, with the line at which the response left. */
export function Waterfall({ layout, rows, status, selected, select }: Props): JSX.Element {
  const { from, to } = layout;
  const responseAt = layout.line?.at;
  const isAnswer = layout.line?.name === 'response';
  const total = Math.max(to - from, 0.001);
  const percent = (at: number) => Math.max(0, Math.min(100, ((at - from) / total) * 100));
  const line = responseAt === undefined ? undefined : percent(responseAt);
  return (
    <div
      class={`waterfall ${line === undefined ? '' : 'has-line'}`}
      style={line === undefined ? {} : { '--line-at': `${line}%` }}
    >
      <div class="scale" aria-hidden="true">
        {ticksOf(total).map((tick) => (
          <span key={tick} class="tick" style={{ left: `${(tick / total) * 100}%` }}>
            {tick === 0 ? '0' : duration(tick).replace('.0 ', ' ')}
          </span>
        ))}
      </div>
      <div class="rows">
        <div class="backdrop" aria-hidden="true">
          {ticksOf(total).map((tick) => (
            <i key={tick} class="grid-line" style={{ left: `${(tick / total) * 100}%` }} />
          ))}
          {line === undefined ? null : (
            <>
              <i class="after-zone" style={{ left: `${line}%` }} />
              <i class="response-line" data-testid="response-line" style={{ left: `${line}%` }} />
              <span class={`flag ${line > 60 ? 'left' : ''}`} style={{ left: `${line}%` }}>
                {line > 60 && isAnswer ? <i>the client waits</i> : null}
                <b>
                  {status ?? (isAnswer ? 'reply' : 'done')} · {duration(responseAt! - from)}
                </b>
                {line > 60 ? null : <i>after the {layout.line?.name}</i>}
              </span>
            </>
          )}
        </div>
        <ol aria-label="Spans">
          {rows.map((span) => (
            <li key={span.id}>
              <button
                type="button"
                class={`span ${span.kind} ${span.id === selected ? 'selected' : ''}`}
                data-span={span.id}
                aria-current={span.id === selected ? 'true' : undefined}
                aria-expanded={span.folded ? rows.some(({ id }) => id === span.folded![0]!.id) : undefined}
                style={{ '--level': String(span.depth) }}
                onClick={() => select(span)}
              >
                <span class="label">
                  <span class="name" title={span.name}>
                    <SpanName span={span} />
                    {span.folded ? <b class="times"> × {span.folded.length}</b> : null}
                  </span>{' '}
                  <State tone={span.tone}>{span.state}</State>
                  <span class="words">{span.words}</span>
                </span>
                <span class="lane" aria-hidden="true">
                  <span class={`bars ${span.tone}`}>
                    {span.segments.map((segment, index) => (
                      <Bar
                        key={index}
                        segment={segment}
                        percent={percent}
                        responseAt={responseAt}
                        isOpen={span.isOpen}
                      />
                    ))}
                    <Tail span={span} percent={percent} responseAt={responseAt} />
                  </span>
                </span>
              </button>
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}

interface BarProps {
  readonly segment: Segment;
  readonly percent: (at: number) => number;
  readonly responseAt: number | undefined;
  readonly isOpen: boolean;
}

function Bar({ segment, percent, responseAt, isOpen }: BarProps): JSX.Element {
  const { from, to, look, mark } = segment;
  const isAfter = responseAt !== undefined && from >= responseAt;
  const left = percent(from);
  return (
    <i
      class={`bar ${look} ${isAfter ? 'after' : ''} ${isOpen ? 'growing' : ''}`}
      data-look={look}
      title={`${look} ${duration(to - from)}`}
      style={{ left: `${left}%`, width: `${Math.max(0, percent(to) - left)}%` }}
    >
      {mark ? <b>{mark}</b> : null}
    </i>
  );
}

/** The time by which a bar runs past the response, at its end. */
function Tail({
  span,
  percent,
  responseAt,
}: Omit<BarProps, 'segment' | 'isOpen'> & { span: Span }): JSX.Element | null {
  if (responseAt === undefined || span.to <= responseAt || span.kind === 'response' || span.kind === 'gap') return null;
  // What never ran has no time after the response worth telling.
  if (span.runMs === 0 && !span.isOpen) return null;
  return (
    <span class="tail" style={{ left: `${percent(span.to)}%` }}>
      +{duration(span.to - responseAt)}
    </span>
  );
}

/** Three to six round numbers. */
function ticksOf(total: number): number[] {
  const rough = total / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!;
  const ticks: number[] = [];
  for (let tick = 0; tick < total * 0.94; tick += step) ticks.push(Math.round(tick * 1_000) / 1_000);
  return ticks;
}
