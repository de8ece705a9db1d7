/**
 * End-to-end tests: the built program as a process, and tools like Prometheus; and whole exporters that run for simulated
 * days in test/long. One file at a time; slow.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../../', import.meta.url)),
  test: {
    include: ['test/e2e/**/*.test.ts', 'test/long/**/*.test.ts'],
    fileParallelism: false,
    // Tests of one file that run at once are programs that need a processor each.
    maxConcurrency: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
