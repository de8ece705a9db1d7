/** Says which program this is: the version of package.json, and the revision that the build wrote beside this file. */
import { readFileSync } from 'node:fs';

export interface BuildInfo {
  readonly version: string;
  /** A commit, or `unknown` where neither git nor the builder told it. */
  readonly revision: string;
}

/** The file to which the build writes the revision. */
export const revisionFile: URL = new URL('./revision', import.meta.url);

/** Read once. A program that runs without knowing its version is better than none, so nothing here throws. */
export const buildInfo: BuildInfo = {
  version: versionIn(textOf(new URL('../package.json', import.meta.url))),
  revision: textOf(revisionFile).trim() || 'unknown',
};

function versionIn(json: string): string {
  try {
    const content: unknown = JSON.parse(json);
    if (typeof content === 'object' && content !== null && 'version' in content) return String(content.version);
  } catch {
    // Falls through.
  }
  return 'unknown';
}

function textOf(file: URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
