/** Bundles the page: `node bundle.mjs PAGE OUTPUT`, run in the folder that has the packages. */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.cwd(), 'package.json'));
const { build } = require('esbuild');
const [page, outfile] = process.argv.slice(2);

/** A module whose default export is itself the component, whichever way it is wrapped. */
const scrollbars = {
  name: 'scrollbars',
  setup(plugins) {
    const name = 'react-custom-scrollbars-2';
    plugins.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: 'shim' }));
    plugins.onLoad({ filter: /.*/, namespace: 'shim' }, () => ({
      contents: `import { Scrollbars } from '${require.resolve(name)}'; export default Scrollbars; export { Scrollbars };`,
      resolveDir: process.cwd(),
    }));
  },
};

await build({
  entryPoints: [page],
  outfile,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  nodePaths: [join(process.cwd(), 'node_modules')],
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'globalThis' },
  loader: { '.css': 'text', '.svg': 'dataurl', '.png': 'dataurl', '.woff': 'empty', '.woff2': 'empty' },
  jsx: 'transform',
  plugins: [scrollbars],
  logLevel: 'error',
});
