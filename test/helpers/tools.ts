/**
 * Programs of the system that judge ours, from Debian's packages: Prometheus, Alertmanager, Chromium. Where one is
 * missing, its tests are skipped and say so; with REQUIRE_TOOLS=1 they fail instead.
 */
import { spawnSync } from 'node:child_process';
import { findProgram } from '../../deploy/stack/programs.ts';

/** Returns where the program is; undefined if it is missing. @param comesWith the Debian package that has it */
export function findTool(name: string, comesWith: string): string | undefined {
  try {
    return findProgram([name], comesWith);
  } catch (missing) {
    if (process.env['REQUIRE_TOOLS'] === '1') throw missing;
    process.stderr.write(`${String(missing)}; its tests are skipped\n`);
    return undefined;
  }
}

/** Returns what `promtool check metrics` says about a page: its exit code and, sorted, each line of it. */
export function checkMetrics(
  promtool: string,
  page: string,
): { readonly code: number | null; readonly lines: string[] } {
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return { code: status, lines: lines.sort() };
}
