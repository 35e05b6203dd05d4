import { readFileSync, writeFileSync } from 'node:fs';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Figures } from './run.js';
import type { Scale } from './scale.js';

// node dist-bench/plots.js <results> <folder>: draws what `npm run bench` has measured for docs/benchmarks.md.

const [, , results, folder] = process.argv as [string, string, string, string];
const { figures, scale } = JSON.parse(readFileSync(results, 'utf8')) as { figures: Figures; scale: Scale };

/** The values of y by the name of the line and x. */
type Lines = Readonly<Record<string, Readonly<Record<string, number>>>>;

await draw('levels', 'levels of request-scoped dependencies', 'µs of CPU time a request', figures.levels);
await draw(
  'providers',
  'request-scoped providers registered, three used',
  'µs of CPU time a request',
  figures.providers,
  'log',
);
await draw('tasks', 'tasks in one request', 'µs a task', { tasks: scale.byScopeSize }, 'log');
await draw('in-flight', 'tasks in flight', 'µs to settle each', { tasks: scale.inFlight }, 'log');

async function draw(name: string, x: string, y: string, lines: Lines, scaleType: 'linear' | 'log' = 'linear') {
  const values = Object.entries(lines).flatMap(([line, points]) =>
    Object.entries(points).map((point) => ({ x: Number(point[0]), y: point[1], line })),
  );
  const hasLegend = Object.keys(lines).length > 1;
  const spec: TopLevelSpec = {
    width: 480,
    height: 220,
    background: 'white',
    data: { values },
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: x,
        scale: { type: scaleType, nice: false },
        axis: { values: [...new Set(values.map((value) => value.x))], format: ',' },
      },
      y: { field: 'y', type: 'quantitative', title: y, scale: { zero: true } },
      color: {
        field: 'line',
        type: 'nominal',
        title: null,
        legend: hasLegend ? { orient: 'top', labelLimit: 300 } : null,
      },
    },
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  writeFileSync(`${folder}/${name}.svg`, await view.toSVG());
}
