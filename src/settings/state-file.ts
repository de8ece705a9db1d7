/** Chooses the place of the state file if nobody says where: in the folder that this user's programs keep their state in. */
import { isAbsolute, join } from 'node:path';
import type { Environment } from '../environment.ts';

const program = 'openai-usage-exporter';

/** The path; undefined where the environment names no folder. */
export function usualStateFile(env: Environment): string | undefined {
  const under = (folder: string | undefined, ...names: readonly string[]) =>
    folder === undefined || !isAbsolute(folder) ? undefined : join(folder, ...names, 'state');
  return (
    // systemd names several folders with colons between them.
    under(env['STATE_DIRECTORY']?.split(':')[0]) ??
    under(env['XDG_STATE_HOME'], program) ??
    under(env['HOME'], '.local', 'state', program)
  );
}
