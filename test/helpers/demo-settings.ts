/** Settings of an exporter that needs no key: for one that a test or a benchmark puts together itself. */
import { parseSettings, type Settings } from '../../src/settings/settings.ts';

/** @throws if the flags are not understood, with what is wrong */
export function demoSettings(flags: readonly string[]): Settings {
  const parsed = parseSettings(['demo', ...flags], {});
  if ('settings' in parsed) return parsed.settings;
  throw new Error(`The flags are not understood: ${JSON.stringify(parsed)}`);
}
