import { defineConfig } from 'vitest/config';

/** What `npm run test:quick` leaves out, for the time it takes or for what it starts. */
const slow = [
  // Real servers: Redis, PostgreSQL and NATS.
  'test/bullmq/**',
  'test/microservices/{nats,redis}.test.ts',
  'test/testing/{backend-contract,backend-contract-bullmq}.test.ts',
  'test/scope/unit-of-work-processor.test.ts',
  'test/opentelemetry/processes.test.ts',
  'test/named/{backends,cancelling,durable-providers,fallback,groups,groups-over-http,large-batches,outages,reports}.test.ts',
  // Processes and threads that are killed, frozen and overloaded, and real deadlines.
  'test/faults/**',
  'test/worker-threads/**',
  'test/errors/advice-{durable,threads}.test.ts',
  'test/shutdown/**',
  'test/http/{exactly-once,pipelined-orphan,response-before-tasks,stalled-client}.test.ts',
  'test/execution/{accounting,accounting-http}.property.test.ts',
  // Every way out of a request, on both platforms.
  'test/disposal/{exit-paths,dependencies,resources-*,what-is-disposed}.test.ts',
  // The packed package, installed elsewhere.
  'test/package/**',
  // The page of the inspector, which is built as well, in a browser.
  'test/inspector/{access,page,page-details,page-for-everyone,page-on-bullmq}.test.ts',
  // The built samples, with their servers and a browser.
  'test/sample/**',
  // Runs of the compiler; `npm run typecheck` compiles the types as well.
  'test/docs/{snippets,testing-page}.test.ts',
  'test/types/**',
];

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    sequence: { shuffle: true },
    reporters: ['default', './test/support/lost-tests-reporter.ts'],
    // Most tests wait for a server or a process, so one more than Vitest would choose on two cores.
    maxWorkers: 2,
    testTimeout: 15_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'quick', pool: 'threads', include: ['test/**/*.test.ts'], exclude: slow } },
      { extends: true, test: { name: 'slow', include: slow.map((path) => path.replace(/\*\*$/, '**/*.test.ts')) } },
    ],
  },
});
