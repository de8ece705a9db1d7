/** The source of the admin key. It is kept apart from the settings, so that those can be shown to anybody. */
import { readFileSync } from 'node:fs';
import { type Environment, textOf } from '../environment.ts';
import { whyUnreadable } from '../error-code.ts';
import { keyIn } from '../openai/admin-key.ts';
import { adminKeysUrl } from '../openai/advice.ts';

export type KeySetting =
  | { readonly from: 'variable'; readonly key: string }
  /** Readable at the start. It is read again when the key is refused, so that it can be replaced. */
  | { readonly from: 'file'; readonly path: string }
  /** One of several organizations has no key, for this reason: it alone does not work. */
  | { readonly from: 'nowhere'; readonly trouble: string };

/** Gives the text of a file. @throws when it cannot be read. */
export type ReadFile = (path: string) => string;

/** The key's source, or what is wrong with it, in words that do not hold it. */
export function readKey(
  env: Environment,
  readFile: ReadFile = (path) => readFileSync(path, 'utf8'),
): { readonly key: KeySetting } | { readonly mistake: string } {
  const key = textOf(env, 'OPENAI_ADMIN_KEY');
  const path = textOf(env, 'OPENAI_ADMIN_KEY_FILE');
  try {
    if (key !== undefined && path !== undefined) {
      return { mistake: 'OPENAI_ADMIN_KEY: OPENAI_ADMIN_KEY_FILE is set, too; keep one of them' };
    }
    if (key !== undefined) return { key: { from: 'variable', key: keyIn(key, 'the variable') } };
    if (path !== undefined) {
      keyIn(textIn(path, readFile), 'the file');
      return { key: { from: 'file', path } };
    }
  } catch (error) {
    const variable = key === undefined ? 'OPENAI_ADMIN_KEY_FILE' : 'OPENAI_ADMIN_KEY';
    return { mistake: `${variable}: ${error instanceof Error ? error.message : 'no key'}` };
  }
  return {
    mistake: `OPENAI_ADMIN_KEY: not set; set it, or OPENAI_ADMIN_KEY_FILE to a file that holds it (admin keys are made at ${adminKeysUrl})`,
  };
}

function textIn(path: string, readFile: ReadFile): string {
  try {
    return readFile(path);
  } catch (error) {
    // Somebody's key in the place of the path must not end up in a message, nor the error, which repeats the path.
    const name = /sk-/i.test(path) ? 'the file' : path;
    throw new Error(
      `${name} cannot be read (${whyUnreadable(error)}); give the path of a file that this user can read`,
    );
  }
}
