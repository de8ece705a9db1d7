/**
 * A step of the build: makes one file of the reading thread's own modules. Every organization has a thread, which loads
 * them anew, and a hundred files take a third longer than one. Packages stay where they are.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const directory = fileURLToPath(new URL('../../dist/reader/', import.meta.url));

await build({
  input: `${directory}thread.js`,
  external: /^[^./]/,
  platform: 'node',
  logLevel: 'warn',
  output: { dir: directory, chunkFileNames: 'thread-[name].js', comments: false },
});
