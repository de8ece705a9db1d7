/**
 * The admin key: given once, or kept in a file that is read again when the key is refused, so that it can be
 * rotated under a running process. No error says what the key is.
 */
import { readFile } from 'node:fs/promises';
import { codeOf, whyUnreadable } from '../error-code.ts';

export interface KeySource {
  /** Undefined while there has not been one yet; `trouble` says why. */
  current(): string | undefined;
  /** The key was refused: read its file again. True if it is another one now. */
  refused(): Promise<boolean>;
  /**
   * Returns why the file could not be read the last time, in a sentence that does not hold the key; undefined if it
   * could.
   */
  trouble(): string | undefined;
}

const longestKey = 4_096;

/**
 * The key in `text`, without the white space around it.
 * @param from what the text is, for the message
 * @throws if it could not be sent as a header
 */
export function keyIn(text: string, from: string): string {
  const key = text.trim();
  if (key === '') throw new Error(`${from} holds no key: it is empty`);
  const around = whatStandsAround(key);
  if (around !== undefined) throw new Error(`${from} must hold the key alone: ${around}`);
  if (key.length > longestKey) throw new Error(`${from} holds no key: it is longer than ${longestKey} characters`);
  if (/\s/.test(key)) throw new Error(`${from} holds no key: there is white space inside it`);
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new Error(`${from} holds no key: there are characters in it that a header cannot carry`);
  }
  return key;
}

/** Finds signs of another kind of file: a line of an environment file or of a script, or text in quotes. */
function whatStandsAround(text: string): string | undefined {
  const quote = /["'`\u2018-\u201f]/;
  if (/^(?:(?:export|set|setx)\s+|\$env:)?[a-z_]\w*\s*=\s*["'`]?sk-/i.test(text) || isAssignment(text)) {
    return 'there is a name with an equals sign before it, as in NAME=…; remove both';
  }
  if (quote.test(text.charAt(0)) || quote.test(text.slice(-1))) return 'there are quotes around it; remove them';
  if (/^(?:authorization:\s*)?bearer\s/i.test(text)) return 'the word Bearer stands before it; remove it';
  return undefined;
}

/** Other keys than OpenAI's may have any letters, but hardly the name of a variable for keys and an equals sign. */
function isAssignment(text: string): boolean {
  const [, name = ''] = /^(?:(?:export|set|setx)\s+|\$env:)?([a-z_]\w*)\s*=\s*\S/i.exec(text) ?? [];
  return /openai|(?:^|_)(?:api_?key|key|token|secret)(?:_|$)/i.test(name);
}

/** A key that does not change. @throws as `keyIn` */
export function fixedKey(key: string): KeySource {
  const current = keyIn(key, 'The key');
  return { current: () => current, refused: async () => false, trouble: () => undefined };
}

/** No key at all, for the reason given: whatever asks for one fails with it. */
export function noKey(trouble: string): KeySource {
  return { current: () => undefined, refused: async () => false, trouble: () => trouble };
}

/** The key in the file at `path`, which is read at once. @throws if there is no readable file with a key in it */
export async function keyFile(path: string): Promise<KeySource> {
  const source = await keyFileInTime(path);
  if (source.current() === undefined) throw new Error(source.trouble());
  return source;
}

/** The key in the file at `path`, which is read at once, and again by each request for as long as it cannot be used. */
export async function keyFileInTime(path: string): Promise<KeySource> {
  let current: string | undefined;
  let trouble: string | undefined;

  async function read(): Promise<string | undefined> {
    try {
      const key = keyIn(await readFile(path, 'utf8'), `The key file ${path}`);
      trouble = undefined;
      return key;
    } catch (error) {
      const code = codeOf(error);
      // Half written or gone for a moment, perhaps: the next refusal tries again.
      trouble =
        code === undefined && error instanceof Error
          ? error.message
          : `The key file ${path} cannot be read${current === undefined ? '' : ' again'}: ${inWords(error)}`;
      return undefined;
    }
  }

  current = await read();
  return {
    current: () => current,
    trouble: () => trouble,
    async refused() {
      // Not the one that is current after the reading: another request may have read the file meanwhile.
      const before = current;
      const key = await read();
      if (key === undefined) return false;
      current = key;
      return key !== before;
    },
  };
}

function inWords(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return whyUnreadable(error);
  }
}
