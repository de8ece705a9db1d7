/**
 * Reads the text format 0.0.4 as its specification words it, and refuses whatever that does not allow. Written
 * apart from the code that writes the format, so that the two can be held against each other.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** The name, with the suffix that samples of a histogram or summary have. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string | undefined;
  readonly samples: readonly Sample[];
}

export interface Exposition {
  /** The order is that of the text. */
  readonly families: ReadonlyMap<string, ParsedFamily>;
  /** Every sample's value by `seriesKey`. */
  readonly series: ReadonlyMap<string, number>;
  /** The value of the one series with exactly these labels. */
  value(name: string, labels?: Labels): number | undefined;
}

const types = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*/;
/** Holds what Go's ParseFloat takes, of which the words in any case; without its rarer forms. */
const number = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|nan|[+-]?inf)$/i;

/** `name{a="x",b="y"}` with the labels in the order of their names, as JSON writes strings. */
export function seriesKey(name: string, labels: Labels = {}): string {
  const pairs = Object.keys(labels).sort();
  return `${name}{${pairs.map((label) => `${label}=${JSON.stringify(labels[label])}`).join(',')}}`;
}

interface OpenFamily {
  name: string;
  type: string | undefined;
  help: string | undefined;
  samples: Sample[];
}

/** @throws if the text breaks a rule; the message has the line */
export function parseExposition(text: string): Exposition {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end with a line feed');
  const families = new Map<string, OpenFamily>();
  const series = new Map<string, number>();
  let current: OpenFamily | undefined;

  const familyOf = (name: string): OpenFamily => {
    if (current?.name === name) return current;
    if (families.has(name)) throw new Error(`the lines of ${name} are not together`);
    current = { name, type: undefined, help: undefined, samples: [] };
    families.set(name, current);
    return current;
  };

  const readComment = (line: string): void => {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) ([^ ]+)(?: (.*))?$/s.exec(line) ?? [];
    if (word === undefined) {
      if (/^#\s*(?:HELP|TYPE)\b/.test(line)) throw new Error('a comment that nearly is HELP or TYPE');
      return;
    }
    if (metricName.exec(name)?.[0] !== name) throw new Error(`no name of a metric: ${name}`);
    const family = familyOf(name);
    if (family.samples.length > 0) throw new Error(`${word} after samples`);
    if (word === 'HELP') {
      if (family.help !== undefined) throw new Error('a second HELP');
      family.help = unescaped(rest, /\\([\\n])/g);
      return;
    }
    if (family.type !== undefined) throw new Error('a second TYPE');
    if (!types.includes(rest)) throw new Error(`no type: ${rest}`);
    family.type = rest;
  };

  const readSample = (line: string): void => {
    const name = metricName.exec(line)?.[0];
    if (name === undefined) throw new Error('no name of a metric');
    const { labels, rest } = readLabels(line.slice(name.length));
    const [value = '', timestamp, ...more] = rest.trim().split(/[ \t]+/);
    if (!number.test(value)) throw new Error(`no value: ${value}`);
    if (more.length > 0 || (timestamp !== undefined && !/^-?\d+$/.test(timestamp))) throw new Error('no timestamp');
    const key = seriesKey(name, labels);
    if (series.has(key)) throw new Error(`the series is there twice: ${key}`);
    const sample = { name, labels, value: numberOf(value) };
    series.set(key, sample.value);
    const owner = current !== undefined && belongs(sample, current) ? current : familyOf(name);
    owner.samples.push(sample);
  };

  for (const [index, line] of text.split('\n').entries()) {
    try {
      if (/[\ud800-\udfff]/u.test(line)) throw new Error('an unpaired surrogate');
      if (line.startsWith('#')) readComment(line);
      else if (line !== '') readSample(line);
    } catch (error) {
      throw new Error(`line ${index + 1}: ${error instanceof Error ? error.message : String(error)}\n${line}`);
    }
  }
  for (const family of families.values()) checkFamily(family);
  return {
    families: new Map([...families].map(([name, family]) => [name, { ...family, type: family.type ?? 'untyped' }])),
    series,
    value: (name, labels) => series.get(seriesKey(name, labels)),
  };
}

/** Reads `{…}` if it is there. A trailing comma is allowed. */
function readLabels(text: string): { readonly labels: Labels; readonly rest: string } {
  const labels: Record<string, string> = {};
  if (!text.startsWith('{')) {
    if (!/^[ \t]/.test(text)) throw new Error('a name of a metric goes on with something else');
    return { labels, rest: text };
  }
  let rest = text.slice(1);
  while (!rest.startsWith('}')) {
    const name = labelName.exec(rest)?.[0];
    if (name === undefined) throw new Error(`no name of a label: ${rest.slice(0, 20)}`);
    if (Object.hasOwn(labels, name)) throw new Error(`the label ${name} is there twice`);
    const [quoted, value = ''] = /^="((?:[^"\\]|\\[\\"n])*)"/s.exec(rest.slice(name.length)) ?? [];
    if (quoted === undefined) throw new Error(`no value of the label ${name}`);
    labels[name] = unescaped(value, /\\([\\"n])/g);
    rest = rest.slice(name.length + quoted.length);
    if (rest.startsWith(',')) rest = rest.slice(1);
    else if (!rest.startsWith('}')) throw new Error(`neither comma nor brace after the label ${name}`);
  }
  return { labels, rest: rest.slice(1) };
}

function unescaped(text: string, escapes: RegExp): string {
  return text.replaceAll(escapes, (_, character: string) => (character === 'n' ? '\n' : character));
}

function numberOf(text: string): number {
  if (/inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

function belongs({ name, labels }: Sample, family: OpenFamily): boolean {
  const suffix = name.startsWith(family.name) ? name.slice(family.name.length) : undefined;
  if (suffix === '') return family.type !== 'histogram';
  if (family.type === 'histogram')
    return suffix === '_sum' || suffix === '_count' || (suffix === '_bucket' && 'le' in labels);
  return family.type === 'summary' && (suffix === '_sum' || suffix === '_count');
}

function checkFamily({ name, type, samples }: OpenFamily): void {
  if (samples.some(({ labels }) => Object.keys(labels).some((label) => label.startsWith('__')))) {
    throw new Error(`${name} has a label of Prometheus's own`);
  }
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0)))
    throw new Error(`the counter ${name} is below 0`);
  if (type !== 'histogram') return;
  const last = new Map<string, { le: number; count: number }>();
  for (const sample of samples) {
    const { le, ...labels } = sample.labels;
    const key = seriesKey(name, labels);
    if (sample.name.endsWith('_bucket')) {
      const before = last.get(key) ?? { le: Number.NEGATIVE_INFINITY, count: 0 };
      const bound = numberOf(le ?? 'NaN');
      if (!(bound > before.le) || sample.value < before.count) throw new Error(`the buckets of ${key} do not ascend`);
      last.set(key, { le: bound, count: sample.value });
    } else if (sample.name.endsWith('_count')) {
      const end = last.get(key);
      if (end?.le !== Number.POSITIVE_INFINITY || end.count !== sample.value) {
        throw new Error(`the last bucket of ${key} is not its count`);
      }
    }
  }
}
