import type { JSX } from 'preact';
import { duration } from './format.js';
import { SpanName, State } from './parts.js';
import type { Line, Span, Waterfall } from './spans.js';

/** The waterfall in numbers. */
export function SpanTable({ layout }: { layout: Waterfall }): JSX.Element {
  const { from, line } = layout;
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Spans as a table">
      <table>
        <thead>
          <tr>
            {['Span', 'Kind', 'State', 'Begins', 'Waits', 'Runs', 'Ends', `After the ${line?.name ?? 'response'}`].map(
              (name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {layout.spans.map((span) => (
            <tr key={span.id} data-span={span.id}>
              <th scope="row" style={{ '--level': String(span.depth) }}>
                <SpanName span={span} />
                <small>{span.words}</small>
              </th>
              <td>{span.kind}</td>
              <td>
                <State tone={span.tone}>{span.state}</State>
              </td>
              <td>{duration(span.from - from)}</td>
              <td>{span.waitMs > 0 ? duration(span.waitMs) : '–'}</td>
              <td>{duration(span.runMs)}</td>
              <td>{span.isOpen ? 'open' : duration(span.to - from)}</td>
              <td>{timeAfter(span, line)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function timeAfter(span: Span, line: Line | undefined): string {
  return line === undefined || span.to <= line.at ? '–' : `+${duration(span.to - line.at)}`;
}
