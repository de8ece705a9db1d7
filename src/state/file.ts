/**
 * The state file on disk: read once at the start, replaced whole before each page that shows something new. None of
 * its troubles ends the program: without it the exporter still serves, only a restart may then look like a reset.
 */
import { access, constants, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, reasonOf } from '../error-code.ts';
import type { Logger } from '../log.ts';
import { decodeState, encodeState, type State } from './codec.ts';

export interface StateFile {
  /** What an earlier process left; undefined if there is nothing that can be used. */
  load(): Promise<State | undefined>;
  /** Replaces the file. Resolves also when it could not, having said so once. */
  save(state: State): Promise<void>;
}

/** Why there can be no state file at this path; undefined if there can be one. `code`: the system's, like ENOENT. */
export async function folderTrouble(
  path: string,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  const directory = dirname(path);
  try {
    // With the slash, for a file can be written to as well.
    await access(`${directory}/`, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return { code: reasonOf(error), message: `${directory} is not a directory that can be written to` };
  }
}

/** @param fingerprint of the running process's settings */
export function stateFile(path: string, fingerprint: string, log: Logger): StateFile {
  let failing = false;

  async function setAside(suffix: string, why: string): Promise<undefined> {
    const aside = `${path}.${suffix}`;
    const moved = await rename(path, aside).then(
      () => `it was renamed to ${aside}`,
      (error: unknown) => `it could not be renamed (${reasonOf(error)})`,
    );
    log.warn(`state file ${path} is not used: ${why}; ${moved}. Counters start from the history of the API.`, { path });
    return undefined;
  }

  /** There is no file yet: better now than at the first save to say that there can be none. */
  async function sayNew(): Promise<void> {
    const trouble = await folderTrouble(path);
    if (trouble === undefined) {
      log.info(`state file ${path} does not exist yet`, { path });
      return;
    }
    failing = true;
    log.warn(
      `state file ${path} cannot be written: ${trouble.message} (${trouble.code}); going on without it: a restart may look like a counter reset`,
      { path },
    );
  }

  return {
    async load() {
      let bytes: Buffer;
      try {
        bytes = await readFile(path);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') await sayNew();
        else
          log.warn(
            `state file ${path} cannot be read (${reasonOf(error)}); counters start from the history of the API`,
            {
              path,
            },
          );
        return undefined;
      }
      let state: State;
      try {
        state = decodeState(bytes);
      } catch (error) {
        return await setAside('damaged', error instanceof Error ? error.message : 'it cannot be understood');
      }
      if (state.fingerprint !== fingerprint) {
        return await setAside('other-settings', 'it was written with other settings and describes different series');
      }
      return state;
    },

    async save(state) {
      const next = `${path}.next`;
      try {
        const file = await open(next, 'w', 0o600);
        try {
          await file.writeFile(encodeState(state));
          // The rename must not reach the disk before the content does.
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(next, path);
        if (failing) log.info(`state file ${path} can be written again`, { path });
        failing = false;
      } catch (error) {
        if (!failing) {
          log.warn(
            `state file ${path} cannot be written (${reasonOf(error)}); going on without it: a restart may look like a counter reset`,
            { path },
          );
        }
        failing = true;
      }
    },
  };
}
