/**
 * The web configuration as it is now: looked at again, at most once a second, whenever somebody connects or asks, so
 * that certificates and passwords can be exchanged under a running process. What is broken does not replace what works.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { fileVersion } from '../settings/file-version.ts';
import { type LoadedWebConfig, loadWebConfig, type WebConfig } from '../settings/web-config.ts';
import { isOpen } from './exposure.ts';

export interface LiveConfig {
  current(): WebConfig;
}

export interface LiveConfigOptions {
  readonly path: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
  /** Called with each configuration that takes the place of another one. */
  readonly changed?: (config: WebConfig) => void;
  readonly load?: (path: string) => LoadedWebConfig;
  /** Something that differs once the file is another one. */
  readonly version?: (file: string) => string;
}

/** Milliseconds. */
const lookEvery = 1_000;

/** @throws if the file cannot be used at the start; the message has all that is wrong with it */
export function createLiveConfig(options: LiveConfigOptions): LiveConfig {
  const { path, clock, log, changed = () => {}, load = loadWebConfig, version = fileVersion } = options;
  const versionsOf = (files: readonly string[]) => files.map(version).join('\n');

  function loadWithVersions() {
    const { files } = loaded(path, load);
    // Versions before contents: what changes in between is found at the next look.
    const seen = versionsOf(files);
    return { ...loaded(path, load), seen };
  }

  let { config, files, seen } = loadWithVersions();
  let looked = clock.monotonic();
  let said = '';

  function lookAgain(): void {
    if (versionsOf(files) === seen) return;
    try {
      const found = loadWithVersions();
      const fixed = changeOfKind(config, found.config);
      if (fixed !== undefined) throw new Error(`${path}: ${fixed} needs a restart`);
      ({ config, files, seen } = found);
      said = '';
    } catch (error) {
      // It is tried again at each look, for a certificate can come later than the file that names it.
      const message = error instanceof Error ? error.message : String(error);
      if (message !== said)
        log.error(`the changed web configuration cannot be used, so the one before stays in use: ${message}`);
      said = message;
      return;
    }
    log.info(`${path} has changed and is in use`);
    changed(config);
  }

  return {
    current() {
      const now = clock.monotonic();
      if (now - looked >= lookEvery) {
        looked = now;
        lookAgain();
      }
      return config;
    },
  };
}

/** @throws with all that is wrong */
function loaded(path: string, load: (path: string) => LoadedWebConfig) {
  const found = load(path);
  if ('mistakes' in found) throw new Error(`${path}: ${found.mistakes.join('; ')}`);
  return found;
}

/** Holds back what a server that listens cannot change, and what it must not: an emptied file would open everything. */
function changeOfKind(before: WebConfig, after: WebConfig): string | undefined {
  if ((before.tls === undefined) !== (after.tls === undefined)) return 'turning TLS on or off';
  if (before.users.size > 0 && after.users.size === 0) return 'turning passwords off';
  const asks = ({ tls }: WebConfig) => tls !== undefined && tls.clientAuth !== 'NoClientCert';
  if (asks(before) !== asks(after)) return 'beginning or ceasing to ask for certificates of clients';
  return !isOpen(before) && isOpen(after) ? 'letting everybody in' : undefined;
}
