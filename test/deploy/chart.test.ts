/** The Helm chart as files: what is generated is up to date, and its values, their schema and the program fit together. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { chartFiles, withImageVersion } from '../../deploy/helm/chart.ts';
import { podFlags, valuesSchema } from '../../deploy/helm/values-schema.ts';
import { valuesTable } from '../../docs/generate/chart-values.ts';
import { flags } from '../../src/settings/flags.ts';

const top = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, top), 'utf8');
const chart = 'deploy/helm/openai-usage-exporter/';
const { version, repository } = JSON.parse(read('package.json'));
const files = chartFiles({
  version,
  repository: repository.url,
  alertmanager: read('deploy/alertmanager/alertmanager.yml'),
  messageTemplates: read('deploy/alertmanager/templates/openai.tmpl'),
});

test.each([...files])('%s is what is generated; if not: npm run dashboards', (name, text) => {
  expect(read(`${chart}${name}`)).toBe(text);
});

test('the version is that of the package, in the chart and in the manifests; if not: npm run dashboards', () => {
  expect(parse(read(`${chart}Chart.yaml`))).toMatchObject({ version, appVersion: version });
  const kustomization = read('deploy/kubernetes/kustomization.yaml');
  expect(withImageVersion(kustomization, version)).toBe(kustomization);
  expect(() => withImageVersion('images: []\n', version)).toThrow('no newTag');
});

test('the defaults are what the schema takes, and every value that it knows has one', () => {
  const values: unknown = parse(read(`${chart}values.yaml`));
  const parsed = valuesSchema.parse(values);
  const ofHelm = ['global', 'enabled'];
  expect(Object.keys(parsed).sort()).toEqual(
    Object.keys(valuesSchema.shape)
      .filter((name) => !ofHelm.includes(name))
      .sort(),
  );
});

test('config has every flag that means something to a pod, and takes its default', () => {
  const { config } = valuesSchema.shape;
  expect(Object.keys(config.shape)).toEqual(podFlags.map(({ name }) => name));
  for (const { name, defaultText } of podFlags) {
    if (defaultText !== undefined)
      expect([name, config.safeParse({ [name]: defaultText }).success]).toEqual([name, true]);
  }
});

test('every value is set in one of the examples that the chart is tried with', () => {
  const names = [...valuesTable(read(`${chart}values.yaml`)).matchAll(/^\| `([\w.]+)` \|/gm)].map(
    ([, name = '']) => name,
  );
  expect(names.length).toBeGreaterThan(80);
  const folder = new URL(`${chart}ci/`, top);
  const examples = readdirSync(folder).map((name) => parseDocument(readFileSync(new URL(name, folder), 'utf8')));
  expect(names.filter((name) => !examples.some((example) => example.hasIn(name.split('.'))))).toEqual([]);
});

test.each([
  ['poll.intervall', '2m'],
  ['poll.interval', '2 minutes'],
  ['poll.interval', 120],
  ['names.user-email', 'yes'],
  ['series.max-groups', 'many'],
  ['budget.monthly', '$100'],
  [flags.from.name, '2026-05-01'],
])('a config with %s: %j is refused', (name, value) => {
  expect(valuesSchema.shape.config.safeParse({ [name]: value }).success).toBe(false);
});

test('the table of values takes comments of maps and of values, and wants one for each', () => {
  const table = valuesTable(
    '# Of the file.\n\n# One.\na: 1\nb:\n  # Two\n  # lines.\n  c: []\n  # Whole.\n  d: { e: x }\n',
  );
  expect(table.split('\n').slice(2)).toEqual([
    '| `a` | `1` | One. |',
    '| `b.c` | `[]` | Two lines. |',
    '| `b.d` | `{"e":"x"}` | Whole. |',
    '',
  ]);
  expect(() => valuesTable('a: 1\nb: 2\n')).toThrow('write a comment above a');
});
