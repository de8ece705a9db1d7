/**
 * Keeps what runs like the file of organizations: it is read again when somebody asks for that, and when it changes. What
 * cannot be used changes nothing.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Organizations } from '../reader/organizations.ts';
import { fileVersion } from '../settings/file-version.ts';
import type { SeveralOrganizations } from '../settings/settings.ts';

export interface ReloadOptions {
  readonly several: SeveralOrganizations;
  readonly organizations: Pick<Organizations, 'apply'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Reloads {
  /** Reads the file now. Returns why it cannot be used, if it cannot. */
  now(): string | undefined;
  /** The same for those whom nobody has invited: at most once a second, all that ask meanwhile together. */
  soon(): Promise<string | undefined>;
  successful(): boolean;
  /** UTC milliseconds. */
  lastSuccess(): number;
  /** Returns why the file could not be used the last time; undefined if it could. */
  trouble(): string | undefined;
  /** Looks again and again whether the file is another one, until the signal is aborted. */
  watch(signal: AbortSignal): Promise<void>;
}

/** Milliseconds. */
const lookEvery = 1_000;

/** The organizations that were loaded first run already. */
export function createReloads({ several, organizations, clock, log }: ReloadOptions): Reloads {
  const { path } = several;
  let { version } = several;
  let lastSuccess = clock.now();
  let trouble: string | undefined;
  let soon: Promise<string | undefined> | undefined;

  function now(): string | undefined {
    const loaded = several.load();
    ({ version } = loaded);
    if ('mistakes' in loaded) {
      trouble = loaded.mistakes.join('; ');
      log.error(`the file of organizations cannot be used, so what it said before stays in use: ${trouble}`, { path });
      return trouble;
    }
    trouble = undefined;
    lastSuccess = clock.now();
    log.info('the file of organizations was read again', { path, ...organizations.apply(loaded.organizations) });
    return undefined;
  }

  return {
    now,
    soon() {
      soon ??= clock
        .sleep(lookEvery)
        .then(now)
        .finally(() => {
          soon = undefined;
        });
      return soon;
    },
    successful: () => trouble === undefined,
    lastSuccess: () => lastSuccess,
    trouble: () => trouble,
    async watch(signal) {
      let seen = version;
      while (!signal.aborted) {
        await clock.sleep(lookEvery, signal).catch(() => {});
        if (signal.aborted) return;
        const found = fileVersion(path);
        // One that somebody is writing is another one at each look.
        if (found !== version && found === seen) now();
        seen = found;
      }
    },
  };
}
