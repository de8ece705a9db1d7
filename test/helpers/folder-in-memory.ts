/**
 * Folders for a process whose time runs faster than the wall's: it waits less for the disk as well, and one that is busy
 * with something else would look as if it hung.
 */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The place of files in memory on Linux. */
const memory = '/dev/shm';

/** Returns the path of a new folder: in memory, or among the temporary ones where the machine has no such place. */
export function folderInMemory(prefix: string): string {
  return mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), prefix));
}
