/** Text for people at a terminal: colours, of which everybody else gets none, and columns. */

import type { LogLevel } from './log.ts';

export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  strong(text: string): string;
}

export const noPaint: Paint = { good: plain, bad: plain, warn: plain, strong: plain };
export const colours: Paint = { good: colour(32), bad: colour(31), warn: colour(33), strong: colour(1) };

/**
 * Colours where the stream is a terminal that knows them, unless `NO_COLOR` (https://no-color.org) is set to anything.
 * @param stream stdout or stderr
 */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  { NO_COLOR = '', TERM = '' }: Readonly<Record<string, string | undefined>>,
): Paint {
  return stream.isTTY !== true || NO_COLOR !== '' || TERM === 'dumb' ? noPaint : colours;
}

/** Returns what the levels of log lines look like. */
export function logLook(paint: Paint): (level: LogLevel, text: string) => string {
  const looks: Readonly<Record<LogLevel, (text: string) => string>> = {
    debug: plain,
    info: paint.good,
    warn: paint.warn,
    error: paint.bad,
  };
  return (level, text) => looks[level](text);
}

/** A message begins with what it is about, up to the first colon: there the eye goes first. */
export function paintMistake(message: string, { bad }: Paint): string {
  const end = message.indexOf(': ');
  return end < 0 ? bad(message) : `${bad(message.slice(0, end + 1))}${message.slice(end + 1)}`;
}

/**
 * Text in columns. The first row is the head. The last column is as wide as it likes. Ends with a line feed.
 * @param look what a cell looks like, once it is as wide as its column
 */
export function table(
  rows: readonly (readonly string[])[],
  look: (padded: string, row: number, column: number) => string = (padded) => padded,
): string {
  const clean = rows.map((row) => row.map((cell) => cell.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()));
  const widths: number[] = [];
  for (const row of clean) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = clean.map((cells, row) => {
    // No white space at the end of a line, however many cells there are empty.
    const last = cells.findLastIndex((cell) => cell !== '');
    return cells
      .slice(0, last + 1)
      .map((cell, column) => look(column === last ? cell : cell.padEnd(widths[column] ?? 0), row, column))
      .join('  ');
  });
  return `${lines.join('\n')}\n`;
}

function colour(code: number): (text: string) => string {
  return (text) => (text === '' ? text : `\u001b[${code}m${text}\u001b[0m`);
}

function plain(text: string): string {
  return text;
}
