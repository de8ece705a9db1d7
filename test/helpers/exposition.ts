/** Reads the text format as strictly as a test needs: a line that is none of its forms is an error. */

export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy;

function labelsIn(text: string): Map<string, string> {
  const labels = new Map<string, string>();
  label.lastIndex = 0;
  while (label.lastIndex < text.length) {
    const at = label.lastIndex;
    const match = label.exec(text);
    if (match === null) throw new Error(`not a label at ${at}: ${text}`);
    const [, name = '', value = ''] = match;
    if (labels.has(name)) throw new Error(`label ${name} twice: ${text}`);
    labels.set(
      name,
      value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    );
  }
  return labels;
}

/** The samples of an exposition. @throws for a malformed line, a sample without TYPE, or a series that comes twice */
export function samplesIn(text: string): readonly Sample[] {
  const found: Sample[] = [];
  const seen = new Set<string>();
  const types = new Set<string>();
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('#')) {
      const type = /^# TYPE (\S+) (gauge|counter|histogram|summary|untyped)$/.exec(line);
      if (type?.[1] !== undefined) {
        if (types.has(type[1])) throw new Error(`family ${type[1]} twice`);
        types.add(type[1]);
      } else if (!/^# HELP \S+ .+$/.test(line)) throw new Error(`not a comment of the format: ${line}`);
      continue;
    }
    const match = sample.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const [, name = '', labels = '', value = ''] = match;
    const key = `${name}{${labels}}`;
    if (seen.has(key)) throw new Error(`series twice: ${key}`);
    seen.add(key);
    const number = value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value);
    if (Number.isNaN(number) && value !== 'NaN') throw new Error(`not a value: ${line}`);
    if (!types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, ''))) throw new Error(`no TYPE: ${name}`);
    found.push({ name, labels: labelsIn(labels), value: number });
  }
  return found;
}

/** Values of one metric by the values of some labels, joined by a space; in the order of the text. */
export function valuesOf(
  text: string,
  name: string,
  by: readonly string[],
  only: Readonly<Record<string, string>> = {},
): Record<string, number> {
  return Object.fromEntries(
    samplesIn(text)
      .filter((each) => each.name === name)
      .filter(({ labels }) => Object.entries(only).every(([key, value]) => labels.get(key) === value))
      .map(({ labels, value }) => [by.map((key) => labels.get(key) ?? '').join(' '), value]),
  );
}
