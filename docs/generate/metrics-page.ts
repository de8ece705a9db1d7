/** The tables of metrics in docs/metrics.md: of the API's data from the catalogue, of the exporter itself from its own text. */
import {
  liveFoldedFamily,
  liveHourFamily,
  liveRecordsFamily,
  liveRestartsFamily,
  liveSpendFamily,
  liveTotalFamily,
} from '../../src/live/families.ts';
import { allLabels } from '../../src/live/labels.ts';
import { type LiveField, liveApis, liveFields } from '../../src/live/vocabulary.ts';
import {
  estimateErrorFamily,
  estimateHourFamily,
  estimateTodayFamily,
  estimateUnpricedFamily,
  monthToDateFamily,
  organizationBudgetFamily,
  previousMonthFamily,
  projectBudgetFamily,
  recentFamily,
  totalFamily,
  userCostsDifferenceFamily,
} from '../../src/metrics/families.ts';
import { createSelfMetrics } from '../../src/metrics/self.ts';
import { createReaderMetrics } from '../../src/metrics/self-reader.ts';
import { createServingMetrics } from '../../src/metrics/self-serving.ts';
import { type Endpoint, endpoints, type Field, userCosts, widthSeconds } from '../../src/openai/catalogue.ts';
import { markdownTable } from './markers.ts';

const head = ['Metric', 'Type', 'Labels', 'Value'] as const;

/** What holds for every api of a kind, then a section for each api: its metrics, their labels, what their values count. */
export function usageTables(): string {
  const sections = endpoints.map((endpoint) => `${heading(endpoint)}\n${tableOf(endpoint)}`);
  return [...kindNotes(), ...sections, userCostsTable()].join('\n');
}

function kindNotes(): readonly string[] {
  const ofEachKind = endpoints.filter(({ kind }, index) => endpoints.findIndex((each) => each.kind === kind) === index);
  return ofEachKind.map((endpoint) => {
    const widths = Object.keys(widthSeconds).filter((width) => width in endpoint.limits && hasGauge(endpoint, width));
    const kind = endpoint.kind === 'usage' ? 'Usage' : 'Costs';
    return `${kind}: gauges have \`bucket_width\` ${widths.map(code).join(', ')}. ${endpoint.delay}\n`;
  });
}

/** Costs by user, of which only sums of months are shown. */
function userCostsTable(): string {
  const { api, path, title, dimensions } = userCosts;
  const money = userCosts.fields.filter(({ kind }) => kind === 'money');
  const { name, type, help } = userCostsDifferenceFamily;
  const rows = [...money.flatMap((field) => moneyRows(userCosts, field)), [code(name), type, code('currency'), help]];
  return `### ${title} (\`${api}\`)

From a second read of \`GET /v1${path}\`, because OpenAI does not grant user and project together to every organization. It is made where costs are polled and users are grouped by. Dimensions: ${dimensions.map(code).join(', ')}.

${markdownTable(head, rows)}`;
}

function heading(endpoint: Endpoint): string {
  const like = sameFields(endpoint);
  return `### ${endpoint.title} (\`${endpoint.api}\`)

From \`GET /v1${endpoint.path}\`. Dimensions: ${endpoint.dimensions.map(code).join(', ')}.${like === undefined ? '' : ` Its fields are those of ${code(like.api)}.`}
`;
}

/** The first api with the same fields, if it is another one. */
function sameFields({ api, fields }: Endpoint): Endpoint | undefined {
  const first = endpoints.find((endpoint) => endpoint.fields === fields);
  return first?.api === api ? undefined : first;
}

/** Days of usage serve the counters' history; only costs are shown by the day. */
function hasGauge(endpoint: Endpoint, width: string): boolean {
  return width !== '1d' || endpoint.limits['1h'] === undefined;
}

function tableOf(endpoint: Endpoint): string {
  const money = endpoint.fields.filter(({ kind }) => kind === 'money');
  const isExplained = sameFields(endpoint) !== undefined;
  const rows = endpoint.fields.map((field) => [
    code(recentFamily(endpoint, field).name),
    field.kind === 'flow' ? code(totalFamily(endpoint, field).name) : '',
    ...(isExplained ? [] : [meaningOf(field)]),
  ]);
  const table = markdownTable(['Gauge of a bucket', 'Counter', ...(isExplained ? [] : ['Value'])], rows);
  return money.length === 0
    ? table
    : `${table}\n${markdownTable(
        head,
        money.flatMap((field) => moneyRows(endpoint, field)),
      )}`;
}

function moneyRows(endpoint: Endpoint, field: Field): readonly (readonly string[])[] {
  const labels = `${field.unitLabel === undefined ? '' : `${code(field.unitLabel.name)}, `}dimensions`;
  return [monthToDateFamily(endpoint, field), previousMonthFamily(endpoint, field)].map(({ name, type, help }) => [
    code(name),
    type,
    labels,
    help,
  ]);
}

/** Estimates of what is being spent. */
export function estimateTable(): string {
  const owner = ['project_id', 'model'];
  return markdownTable(
    head,
    (
      [
        [estimateTodayFamily, ['currency', ...owner]],
        [estimateHourFamily, ['currency', ...owner]],
        [estimateErrorFamily, ['currency']],
        [estimateUnpricedFamily, owner],
      ] as const
    ).map(([{ name, type, help }, labels]) => [code(name), type, labels.map(code).join(', '), help]),
  );
}

/** Budgets, which come from flags. */
export function budgetTable(): string {
  return markdownTable(
    head,
    [[organizationBudgetFamily, ['currency']] as const, [projectBudgetFamily, ['currency', 'project_id']] as const].map(
      ([{ name, type, help }, labels]) => [code(name), type, labels.map(code).join(', '), help],
    ),
  );
}

/** Live usage: every field of every api, explained where OpenAI does not report it, then what became of the records. */
export function liveTables(): string {
  const labels = allLabels([])
    .map(({ name }) => code(name))
    .join(', ');
  const rows = liveApis.flatMap((api) =>
    liveFields
      .filter((field) => field.api === api)
      .map((field) => [
        code(liveHourFamily(field).name),
        code(liveTotalFamily(field).name),
        isReported(field) ? '' : counted(field),
      ]),
  );
  const own = (
    [
      [liveSpendFamily, `${code('currency')}, ${labels}`],
      [liveRecordsFamily, [code('format'), code('outcome')].join(', ')],
      [liveFoldedFamily, ''],
      [liveRestartsFamily, ''],
    ] as const
  ).map(([{ name, type, help }, names]) => [code(name), type, names, help]);
  return `Labels: ${labels}, and those of ${code('--live.labels')}. A field without a note counts the same as OpenAI's field of that name.

${markdownTable(['Gauge of an hour', 'Counter', 'Value'], rows)}
${markdownTable(head, own)}`;
}

/** Reports whether the Usage API has the field as well. */
function isReported({ api, name }: LiveField): boolean {
  return endpoints.some((endpoint) => endpoint.api === api && endpoint.fields.some((field) => field.name === name));
}

function meaningOf({ unitLabel, ...field }: Field): string {
  const unit = unitLabel === undefined ? field.unit : `${field.unit} (label ${code(unitLabel.name)})`;
  return `${counted({ ...field, unit })}${field.required ? '' : ' Optional.'}`;
}

/** What a value counts, and its unit where the name does not end with it. */
function counted({
  name,
  unit,
  note,
}: Pick<LiveField, 'name' | 'unit'> & { readonly note?: string | undefined }): string {
  const inUnit = `${unit.charAt(0).toUpperCase()}${unit.slice(1)}.`;
  if (note === undefined) return inUnit;
  return name.endsWith(`_${unit}`) ? note : `${inUnit} ${note}`;
}

/** The exporter's own metrics, read off a page that has every one of them. */
export async function selfTable(): Promise<string> {
  const api = 'completions';
  const self = createSelfMetrics({
    version: '0',
    revision: '0',
    source: {
      stateFileErrors: () => 1,
      lists: [],
      apis: [
        {
          api,
          up: () => true,
          lastSuccess: () => 1,
          pollDuration: () => 1,
          dataThrough: () => new Map([['1m', 1]]),
          newestActivity: () => 1,
          heldBack: () => new Map([['input_tokens', 1]]),
          dimensionsRefused: () => ['user_id'],
        },
      ],
    },
  });
  self.polled(api, 'auth');
  self.attempt(api, '200', 1);
  self.retry(api);
  self.published(1, 1);
  const reader = createReaderMetrics();
  const serving = createServingMetrics({
    logLinesDropped: () => 0,
    several: {
      build: { version: '0', revision: '0' },
      organizations: () => [{ name: 'production', up: () => true }],
      reloads: () => ({ successful: true, lastSuccess: 1 }),
    },
  });
  const [own, restarts, all] = [await self.text(), await reader.text(), await serving.text()];
  const families = new Set([...own.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  // The build is told by both where there are several organizations.
  const others = all.split(/^(?=# HELP )/m).filter((family) => !families.has(family.split(' ', 3)[2]));
  const text = `${own}${restarts}${others.join('')}`;
  return markdownTable(head, familiesIn(text));
}

function familiesIn(text: string): readonly (readonly string[])[] {
  const help = new Map([...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', words = '']) => [name, words]));
  const samples = [...text.matchAll(/^([a-z_]+?)(?:\{(.*)\})? \S+$/gm)];
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => {
    const ofFamily = samples.filter(([, sample = '']) => sample === name || sample === `${name}_count`);
    const labels = new Set(
      ofFamily.flatMap(([, , pairs = '']) => [...pairs.matchAll(/(\w+)="/g)].map(([, label = '']) => label)),
    );
    return [code(name), type, [...labels].map(code).join(', '), help.get(name) ?? ''];
  });
}

function code(text: string): string {
  return `\`${text}\``;
}
