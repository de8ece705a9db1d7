/** Prometheus's own tool on our rules: of each alert a case that fires, and some that must not. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { prometheusTools } from '../helpers/tools.ts';

const run = promisify(execFile);
const deploy = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));
const cases = fileURLToPath(new URL('../deploy/rules', import.meta.url));

describe.each(prometheusTools())('promtool $version', ({ promtool }) => {
  test.skipIf(promtool === undefined)('finds no fault in the configuration and its rules', async () => {
    const { stdout } = await run(promtool ?? '', ['check', 'config', '--lint=all', '--lint-fatal', 'prometheus.yml'], {
      cwd: deploy,
    });
    expect(stdout).toContain('SUCCESS');
  });

  test.skipIf(promtool === undefined).concurrent.each(readdirSync(cases))(
    '%s',
    async (file) => {
      const { stdout } = await run(promtool ?? '', ['test', 'rules', file], { cwd: cases });
      expect(stdout).toContain('SUCCESS');
      // Weeks of evaluations, several files at a time.
    },
    600_000,
  );
});
