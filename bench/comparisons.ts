import type { VariantName } from './variants.js';

export type PlatformName = 'Fastify' | 'Express';

/** A variant measured against another in interleaved runs. */
export interface Comparison {
  readonly variant: VariantName;
  readonly baseline: VariantName;
  readonly platforms: readonly PlatformName[];
}

const both: readonly PlatformName[] = ['Fastify', 'Express'];

export const comparisons: readonly Comparison[] = [
  // The control: how far apart two groups of processes are that run the same code.
  { variant: 'bare', baseline: 'bare', platforms: both },
  { variant: 'imported, unused', baseline: 'bare', platforms: both },
  { variant: 'unused, reference injected elsewhere', baseline: 'bare', platforms: both },
  { variant: '@Tasks(), 1 task', baseline: "res.on('finish')", platforms: both },
  { variant: 'empty observer, 1 task', baseline: '@Tasks(), 1 task', platforms: ['Fastify'] },
  { variant: 'inspector, 1 task', baseline: '@Tasks(), 1 task', platforms: ['Fastify'] },
  { variant: 'Prometheus, 1 task', baseline: '@Tasks(), 1 task', platforms: ['Fastify'] },
  { variant: 'OpenTelemetry, 1 task', baseline: '@Tasks(), 1 task', platforms: ['Fastify'] },
  { variant: '@Tasks(), 5 tasks', baseline: '@Tasks(), 1 task', platforms: both },
  { variant: 'setImmediate', baseline: "res.on('finish')", platforms: both },
  { variant: 'event-emitter', baseline: "res.on('finish')", platforms: both },
  { variant: 'BackgroundTasksRef, 1 task', baseline: "res.on('finish')", platforms: both },
  { variant: 'constructor, 1 task', baseline: 'empty Scope.REQUEST provider', platforms: both },
  { variant: 'resource by constructor, 1 task', baseline: 'same factory, undisposed', platforms: both },
  { variant: '@Resource() 1 deep, 1 task', baseline: 'bare', platforms: both },
  { variant: '@Resource() 1 deep, 1 task', baseline: 'Nest request scope 1 deep', platforms: ['Fastify'] },
  { variant: '@Resource() 5 deep, 1 task', baseline: 'Nest request scope 5 deep', platforms: both },
  { variant: '10 disposers', baseline: '10 providers, undisposed', platforms: ['Fastify'] },
  { variant: '1000 registered, 3 used', baseline: '10 registered, 3 used', platforms: ['Fastify'] },
  {
    variant: '1000 registered, 3 used, Nest alone',
    baseline: '10 registered, 3 used, Nest alone',
    platforms: ['Fastify'],
  },
];

/** What is measured in turns for a figure: a variant for each value of x, in each line. */
export const figures = {
  levels: {
    '@Resource() and one task': {
      1: '@Resource() 1 deep, 1 task',
      2: '@Resource() 2 deep, 1 task',
      3: '@Resource() 3 deep, 1 task',
      4: '@Resource() 4 deep, 1 task',
      5: '@Resource() 5 deep, 1 task',
    },
    "Nest's request scope": {
      1: 'Nest request scope 1 deep',
      2: 'Nest request scope 2 deep',
      3: 'Nest request scope 3 deep',
      4: 'Nest request scope 4 deep',
      5: 'Nest request scope 5 deep',
    },
  },
  providers: {
    'this package': {
      10: '10 registered, 3 used',
      100: '100 registered, 3 used',
      1000: '1000 registered, 3 used',
    },
  },
} as const satisfies Record<string, Record<string, Record<number, VariantName>>>;

export type FigureName = keyof typeof figures;
