/** Prometheus's own tool on our rules: of each alert a case that fires, and some that must not. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { findTool } from '../helpers/tools.ts';

const run = promisify(execFile);
const promtool = findTool('promtool', 'prometheus');
const deploy = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));
const cases = fileURLToPath(new URL('../deploy/rules', import.meta.url));

describe.skipIf(promtool === undefined)('promtool', () => {
  test('finds no fault in the configuration and its rules', async () => {
    const { stdout } = await run(promtool ?? '', ['check', 'config', '--lint=all', '--lint-fatal', 'prometheus.yml'], {
      cwd: deploy,
    });
    expect(stdout).toContain('SUCCESS');
  });

  test.concurrent.each(readdirSync(cases))('%s', async (file) => {
    const { stdout } = await run(promtool ?? '', ['test', 'rules', file], { cwd: cases });
    expect(stdout).toContain('SUCCESS');
  });
});
