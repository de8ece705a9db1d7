/** Tests with a container engine: the image is built and run, and Compose starts everything. `.ci/containers` has an engine. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../../', import.meta.url)),
  test: {
    include: ['test/containers/**/*.test.ts'],
    globalSetup: 'test/containers/build.ts',
    fileParallelism: false,
    testTimeout: 120_000,
    // Hooks start everything of a compose file.
    hookTimeout: 600_000,
  },
});
