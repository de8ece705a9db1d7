/** Tells one state of a file from another without reading it. */
import { statSync } from 'node:fs';
import { codeOf } from '../error-code.ts';

/** Something that differs once the file is another one; through links, as a mounted secret has them. */
export function fileVersion(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    return codeOf(error) ?? 'unreadable';
  }
}
