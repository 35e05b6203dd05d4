/** A span as OTLP has it in JSON. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly { readonly key: string; readonly value: Readonly<Record<string, string | number>> }[];
  readonly status?: { readonly message?: string };
}

/** Prints a trace as an indented tree, with when each span began after the first, and how long it took. */
export function printedTrace(traceId: string, spans: readonly OtlpSpan[]): string {
  const ordered = spans.toSorted((a, b) => beginOf(a) - beginOf(b));
  const first = beginOf(ordered[0]!);
  const ids = new Set(ordered.map(({ spanId }) => spanId));
  const lines = (span: OtlpSpan, depth: number): string[] => [
    `  ${'  '.repeat(depth)}${span.name}`.padEnd(34) + timesOf(span, first) + resultOf(span),
    ...ordered.filter(({ parentSpanId }) => parentSpanId === span.spanId).flatMap((child) => lines(child, depth + 1)),
  ];
  const roots = ordered.filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId));
  return [`\nTrace ${traceId}`, ...roots.flatMap((root) => lines(root, 0)), ''].join('\n');
}

function timesOf(span: OtlpSpan, first: number): string {
  const begin = beginOf(span);
  const parts = [begin - first, Number(span.endTimeUnixNano) / 1e6 - begin].map((ms) => `${ms.toFixed(1)} ms`);
  return `at${parts[0]!.padStart(10)}  for${parts[1]!.padStart(10)}`;
}

/** Tells how a task ended, from the attributes that its span has. */
function resultOf({ attributes = [], status }: OtlpSpan): string {
  const valueOf = (name: string) => Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0];
  const state = valueOf('background_task.state');
  if (state === undefined) return '';
  const attempts = Number(valueOf('background_task.attempts'));
  return `  ${state}${attempts > 1 ? ` at attempt ${attempts}` : ''}${status?.message ? `: ${status.message}` : ''}`;
}

function beginOf({ startTimeUnixNano }: OtlpSpan): number {
  return Number(startTimeUnixNano) / 1e6;
}
