/** Documents that people write hold parts that are generated, between two comments that name the part. */

/** The document with the part's text in its place. @throws if the document does not have the part exactly once. */
export function fillPart(document: string, part: string, text: string): string {
  const begin = `<!-- npm run docs: ${part} -->\n`;
  const end = `<!-- end: ${part} -->`;
  const [before, after, ...more] = document.split(begin);
  const at = after?.indexOf(end) ?? -1;
  if (before === undefined || after === undefined || more.length > 0 || at < 0) {
    throw new Error(`the document must hold the generated part ${part} exactly once`);
  }
  return `${before}${begin}\n${text.trim()}\n\n${after.slice(at)}`;
}

/** A table in Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
