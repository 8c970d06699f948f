import { defineConfig } from 'vitest/config';

// Tests import `#src/...`, which package.json maps to dist/: they run on the compiled code, workers included.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
