/** Unit tests: quick, and without anything that must be built or installed first. */
import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/e2e/**', 'test/long/**', 'test/containers/**'],
    // They start quicker than processes, and every file still has one of its own.
    pool: 'threads',
    // Vitest leaves a core unused, which on two is half of them.
    maxWorkers: Math.min(4, availableParallelism()),
    // No test is about time; these only end what hangs, on a busy machine too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
