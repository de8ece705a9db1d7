/** The token that clients send, in a file: it is a secret, so it is never a flag. */
import { readFileSync } from 'node:fs';
import { whyUnreadable } from '../error-code.ts';

/** A short one could be found by trying. */
const shortest = 16;
const longest = 4_096;

/**
 * Returns the token in the file.
 * @throws with what is wrong, in words that do not hold it
 */
export function readToken(
  path: string,
  readFile: (path: string) => string = (file) => readFileSync(file, 'utf8'),
): string {
  const token = textIn(path, readFile).trim();
  if (token === '') throw new Error('the file is empty; write the token into it');
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Error('the file must hold one token, of visible ASCII characters without spaces');
  }
  if (token.length < shortest || token.length > longest) {
    throw new Error(`the token must have from ${shortest} to ${longest} characters`);
  }
  return token;
}

function textIn(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (error) {
    throw new Error(
      `the file cannot be read (${whyUnreadable(error)}); give the path of a file that this user can read`,
    );
  }
}
