import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    sequence: { shuffle: true },
    testTimeout: 15_000,
    hookTimeout: 30_000,
  },
});
