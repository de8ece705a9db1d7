/** Text in columns, for people at a terminal. */

/**
 * The first row is the head. The last column is as wide as it likes. Ends with a line feed.
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
