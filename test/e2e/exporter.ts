/** Tests what several end-to-end tests start: the program against a scripted API, and the end of both after the test. */
import { onTestFinished } from 'vitest';
import { type Exporter, type ProgramOptions, startExporter } from '../helpers/process.ts';
import { type ScriptedApi, type ScriptedApiOptions, startScriptedApi, testKey } from '../helpers/scripted-api.ts';

/** A scripted API that ends with the test. */
export async function scriptedApi(options?: ScriptedApiOptions): Promise<ScriptedApi> {
  const api = await startScriptedApi(options);
  onTestFinished(() => api.close());
  return api;
}

export interface ExporterOptions extends ProgramOptions {
  readonly port?: number;
  /** True if names and limits are read, too. */
  readonly names?: boolean;
}

/** An exporter that ends with the test, has its API's time, and asks it as often as it likes; for usage and costs, unless told. */
export async function exporterOf(
  api: ScriptedApi,
  args: readonly string[] = [],
  { clock = api.clock, env = { OPENAI_ADMIN_KEY: testKey }, names = false, ...more }: ExporterOptions = {},
): Promise<Exporter> {
  const own = [
    `--openai.base-url=${api.url}`,
    '--openai.max-requests-per-minute=600',
    ...(names ? [] : ['--names.refresh=0']),
  ];
  // Nothing else of the environment says where a state file would be, and that is worth a warning.
  const place = env['HOME'] ?? env['OPENAI_EXPORTER_STATE_FILE'];
  const forgets = place === undefined && !args.some((arg) => arg.startsWith('--state.file'));
  const exporter = await startExporter([...own, ...(forgets ? ['--state.file=none'] : []), ...args], {
    clock,
    env,
    ...more,
  });
  onTestFinished(async () => {
    await exporter.stop('SIGKILL');
  });
  return exporter;
}
