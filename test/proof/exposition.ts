/** Reads the counters of a page as a scraper does: the text, line by line. */
import { totalFamily } from '../../src/metrics/families.ts';
import { endpoints } from '../../src/openai/catalogue.ts';

export interface CounterName {
  readonly api: string;
  readonly field: string;
}

/** Samples of one counter family: the labels as text, without braces, and the value. */
export interface Samples extends CounterName {
  readonly values: ReadonlyMap<string, number>;
}

const counters: ReadonlyMap<string, CounterName> = new Map(
  endpoints.flatMap((endpoint) =>
    endpoint.fields
      .filter((field) => field.kind === 'flow')
      .map((field) => [totalFamily(endpoint, field).name, { api: endpoint.api, field: field.name }] as const),
  ),
);

/** Every counter of the catalogue. */
export const counterNames: readonly CounterName[] = [...counters.values()];

/**
 * The counters in a piece of the text format 0.0.4.
 * @throws if a line is no sample, or a series is there twice
 */
export function readCounters(text: string): readonly Samples[] {
  const found = new Map<string, { api: string; field: string; values: Map<string, number> }>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    // A value holds neither brace nor blank, so the last ones end the labels whatever those contain.
    const blank = line.lastIndexOf(' ');
    const open = line.indexOf('{');
    const name = line.slice(0, open === -1 ? blank : open);
    const labels = open === -1 ? '' : line.slice(open + 1, line.lastIndexOf('}'));
    const value = Number(line.slice(blank + 1));
    if (blank <= 0 || Number.isNaN(value)) throw new Error(`Not a sample: ${line}`);
    const counter = counters.get(name);
    if (counter === undefined) continue;
    let family = found.get(name);
    if (family === undefined) {
      family = { ...counter, values: new Map() };
      found.set(name, family);
    }
    if (family.values.has(labels)) throw new Error(`Twice on one page: ${name}{${labels}}`);
    family.values.set(labels, value);
  }
  return [...found.values()];
}

/** The label names in the text of a sample's labels. */
export function labelNamesIn(labels: string): readonly string[] {
  return [...labels.matchAll(/([a-z_]+)="(?:[^"\\]|\\.)*"/g)].map(([, name = '']) => name);
}
