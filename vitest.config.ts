import { defineConfig } from 'vitest/config';

// Tests import `#src/...`, which package.json maps to dist/: they run on the compiled code, workers included.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/globalSetup.ts',
    // Ends what hangs, not what is slow on a machine that does other work.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['dist/**'],
      reporter: ['text', 'html'],
      // What commands and worker threads run in processes of their own is not counted.
      thresholds: { lines: 90 },
    },
  },
});
