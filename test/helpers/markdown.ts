/** Queries in documents, and the tables that say what they return. */

export interface DocumentedQuery {
  /** The heading above it. */
  readonly title: string;
  readonly query: string;
  /** Label → value, and the sample under `value`; a sample can be written as a time. */
  readonly rows: readonly Readonly<Record<string, string>>[];
}

const fence = /^```promql\n([\s\S]*?)^```$/gm;

/** Every query in a document. A fenced block can hold several, with empty lines between. */
export function queriesIn(document: string): readonly string[] {
  return [...document.matchAll(fence)].flatMap(([, text = '']) =>
    text
      .split(/\n\s*\n/)
      .map((part) => part.trim())
      .filter((part) => part.replaceAll(/^#.*$/gm, '').trim() !== ''),
  );
}

/** The sections of a document that hold a query and a table. @throws for a section with a query and no table */
export function documentedQueries(document: string): readonly DocumentedQuery[] {
  return document
    .split(/^#+ /m)
    .slice(1)
    .flatMap((section) => {
      const queries = queriesIn(section);
      if (queries.length === 0) return [];
      const [title = ''] = section.split('\n');
      const [query = '', ...more] = queries;
      const rows = tableIn(section);
      if (more.length > 0 || rows.length === 0) throw new Error(`${title}: one query and one table belong here`);
      return [{ title, query, rows }];
    });
}

function tableIn(text: string): DocumentedQuery['rows'] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const [head = [], , ...rows] = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return rows.map((cells) => Object.fromEntries(head.map((name, index) => [name, cells[index] ?? ''])));
}
