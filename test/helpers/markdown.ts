/** Queries in documents, and the comments below them that say what they return. */

export interface DocumentedSample {
  readonly labels: Readonly<Record<string, string>>;
  /** A number, or a time that stands for its seconds. */
  readonly value: string;
}

export interface DocumentedQuery {
  /** The heading above it. */
  readonly title: string;
  readonly query: string;
  readonly returns: readonly DocumentedSample[];
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

/** Sections of a document with a query, and what comments say it returns. @throws for several queries, or one without such comments */
export function documentedQueries(document: string): readonly DocumentedQuery[] {
  return document
    .split(/^##+ /m)
    .slice(1)
    .flatMap((section) => {
      const queries = queriesIn(section);
      if (queries.length === 0) return [];
      const [title = ''] = section.split('\n');
      const [query = '', ...more] = queries;
      const returns = samplesIn(query);
      if (more.length > 0 || returns.length === 0) throw new Error(`${title}: one query and its result belong here`);
      return [{ title, query, returns }];
    });
}

/** Comments that are a sample, like `# {currency="usd"} 82.5`. */
function samplesIn(query: string): readonly DocumentedSample[] {
  return [...query.matchAll(/^# \{(.*)\} (\S+)$/gm)].map(([, labels = '', value = '']) => ({
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', text = '']) => [name, text]),
    ),
    value,
  }));
}
