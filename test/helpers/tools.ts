/**
 * Programs of the system that judge ours, from Debian's packages: Prometheus, Alertmanager, Chromium. Where one is
 * missing, its tests are skipped and say so; with REQUIRE_TOOLS=1 they fail instead.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../deploy/stack/programs.ts';

/** Returns where the program is; undefined if it is missing. @param comesWith the Debian package that has it */
export function findTool(name: string, comesWith: string): string | undefined {
  return found(() => findProgram([name], comesWith));
}

/** The folder of the programs and schemas that .ci/tools gets: those that Debian does not have. */
export const builtTools = process.env['CI_TOOLS'] ?? join(homedir(), '.cache/openai-usage-exporter/tools');

/** Returns where a file or program of that folder is; undefined if it is missing. */
export function findBuiltTool(name: string): string | undefined {
  const path = join(builtTools, name);
  return found(() => {
    if (!existsSync(path)) throw new Error(`${name} is not in ${builtTools}; get it with .ci/tools`);
    return path;
  });
}

function found(find: () => string): string | undefined {
  try {
    return find();
  } catch (missing) {
    if (process.env['REQUIRE_TOOLS'] === '1') throw missing;
    process.stderr.write(`${String(missing)}; its tests are skipped\n`);
    return undefined;
  }
}

/** A Prometheus that rules and boards are held against. */
export interface PrometheusTools {
  /** The version in the titles of tests. */
  readonly version: string;
  readonly prometheus: string | undefined;
  readonly promtool: string | undefined;
}

/**
 * The Prometheus that is installed, which is 2.42 on Debian 12, and beside it 3.x, which .ci/run unpacks:
 * `PROMETHEUS_3` names the folder with its programs.
 */
export function prometheusTools(): readonly PrometheusTools[] {
  return [
    {
      version: 'as installed',
      prometheus: findTool('prometheus', 'prometheus'),
      promtool: findTool('promtool', 'prometheus'),
    },
    { version: '3.x', prometheus: findPrometheus3Tool('prometheus'), promtool: findPrometheus3Tool('promtool') },
  ];
}

/** Returns where a program is that .ci/run unpacks beside the installed ones; undefined if it is missing. */
export function findPrometheus3Tool(name: string): string | undefined {
  const folder = process.env['PROMETHEUS_3'] ?? join(homedir(), '.cache/prometheus-3/usr/bin');
  return found(() => findProgram([name], 'it is of forky, see .ci/run', [folder]));
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
