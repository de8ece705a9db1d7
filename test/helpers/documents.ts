/** The documents that people read, and what a test wants of them: links, headings, fenced blocks, words in code. */
import { readdirSync, readFileSync } from 'node:fs';

const top = new URL('../../', import.meta.url);

export interface Fence {
  /** The word behind the three backticks. */
  readonly language: string;
  readonly text: string;
}

export interface Document {
  /** The path from the repository's top. */
  readonly path: string;
  readonly url: URL;
  readonly text: string;
  readonly fences: readonly Fence[];
  /** The text without the fenced blocks. */
  readonly prose: string;
}

const fence = /^```(\w*)\n(.*?)^```$/gms;

/** Every Markdown file of the top and of docs/. */
export function documents(): readonly Document[] {
  return ['', 'docs/'].flatMap((directory) =>
    readdirSync(new URL(directory || '.', top))
      .filter((name) => name.endsWith('.md'))
      .map((name) => documentAt(`${directory}${name}`)),
  );
}

export function documentAt(path: string): Document {
  const url = new URL(path, top);
  const text = readFileSync(url, 'utf8');
  const fences = [...text.matchAll(fence)].map(([, language = '', inside = '']) => ({ language, text: inside }));
  return { path, url, text, fences, prose: text.replaceAll(fence, '') };
}

/** All that is written as code: the fenced blocks, and what stands between backticks. */
export function codeIn(document: Document): readonly string[] {
  const inline = [...document.prose.matchAll(/`([^`]+)`/g)].map(([, inside = '']) => inside);
  return [...inline, ...document.fences.map(({ text }) => text)];
}

/** Targets of the links, those of other hosts left out. */
export function linksIn({ prose }: Document): readonly string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Returns what a heading is called in a link, as GitHub makes it. */
export function anchorsIn({ prose }: Document): readonly string[] {
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Returns the only fenced block with this word. @throws if there is none, or another one */
export function fenceWith({ path, fences }: Document, word: string): string {
  const [found, ...more] = fences.filter(({ text }) => text.includes(word));
  if (found === undefined || more.length > 0) throw new Error(`${word}: expected in one fenced block of ${path}`);
  return found.text;
}
