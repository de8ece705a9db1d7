/** The tables of metrics in docs/metrics.md: of the API's data from the catalogue, of the exporter itself from its own text. */
import {
  monthToDateFamily,
  organizationBudgetFamily,
  previousMonthFamily,
  projectBudgetFamily,
  recentFamily,
  totalFamily,
  userCostsDifferenceFamily,
} from '../../src/metrics/families.ts';
import { createSelfMetrics, createServingMetrics } from '../../src/metrics/self.ts';
import { type Endpoint, endpoints, type Field, userCosts, widthSeconds } from '../../src/openai/catalogue.ts';
import { markdownTable } from './markers.ts';

/** A section for each api: its metrics, their labels, what their values count. */
export function usageTables(): string {
  const tables = endpoints.map((endpoint) => `${heading(endpoint)}\n${tableOf(endpoint)}`);
  return [...tables, userCostsTable()].join('\n');
}

/** Costs by user, of which only sums of months are shown. */
function userCostsTable(): string {
  const { api, path, title, dimensions, delay } = userCosts;
  const money = userCosts.fields.filter(({ kind }) => kind === 'money');
  const { name, type, help } = userCostsDifferenceFamily;
  const rows = [...money.flatMap((field) => moneyRows(userCosts, field)), [code(name), type, code('currency'), help]];
  return `### ${title} (\`${api}\`)

From a second read of \`GET /v1${path}\`, grouped by user and line item alone, because OpenAI does not grant user and project together to every organization. It is made where costs are polled and users are grouped by. Dimensions: ${dimensions.map(code).join(', ')}. ${delay}

${markdownTable(['Metric', 'Type', 'Labels', 'Value'], rows)}`;
}

function heading(endpoint: Endpoint): string {
  const dimensions = endpoint.dimensions.map(code).join(', ');
  const widths = Object.keys(widthSeconds).filter((width) => width in endpoint.limits && hasGauge(endpoint, width));
  return `### ${endpoint.title} (\`${endpoint.api}\`)

From \`GET /v1${endpoint.path}\`. Dimensions: ${dimensions}. Gauges have \`bucket_width\` ${widths.map((width) => `\`${width}\``).join(', ')}. ${endpoint.delay}
`;
}

/** Days of usage serve the counters' history; only costs are shown by the day. */
function hasGauge(endpoint: Endpoint, width: string): boolean {
  return width !== '1d' || endpoint.limits['1h'] === undefined;
}

function tableOf(endpoint: Endpoint): string {
  const rows = endpoint.fields.flatMap((field) => {
    const gauge = [code(recentFamily(endpoint, field).name), 'gauge', labelsOf(field), meaningOf(field)];
    if (field.kind === 'money') return [gauge, ...moneyRows(endpoint, field)];
    if (field.kind !== 'flow') return [gauge];
    return [gauge, [code(totalFamily(endpoint, field).name), 'counter', 'dimensions', `The same since the anchor.`]];
  });
  return markdownTable(['Metric', 'Type', 'Labels', 'Value'], rows);
}

function moneyRows(endpoint: Endpoint, field: Field): readonly (readonly string[])[] {
  const labels = `${field.unitLabel === undefined ? '' : `${code(field.unitLabel.name)}, `}dimensions`;
  return [
    [
      code(monthToDateFamily(endpoint, field).name),
      'gauge',
      labels,
      'All known days of the running UTC month, today included. Absent until a day of it was read, and after a start until those before were asked for once, with or without success; 0 for what had costs in the month before and has none yet.',
    ],
    [
      code(previousMonthFamily(endpoint, field).name),
      'gauge',
      labels,
      'The UTC month before the running one. Absent unless every day of it is known.',
    ],
  ];
}

/** Budgets, which come from flags. */
export function budgetTable(): string {
  return markdownTable(
    ['Metric', 'Type', 'Labels', 'Value'],
    [[organizationBudgetFamily, ['currency']] as const, [projectBudgetFamily, ['currency', 'project_id']] as const].map(
      ([{ name, type, help }, labels]) => [code(name), type, labels.map(code).join(', '), help],
    ),
  );
}

function labelsOf(field: Field): string {
  const unit = field.unitLabel === undefined ? '' : `, ${code(field.unitLabel.name)}`;
  return `\`bucket_width\`, \`state\`${unit}, dimensions`;
}

function meaningOf(field: Field): string {
  const note = field.note === undefined ? '' : ` ${field.note}`;
  const missing = field.required ? '' : ' Absent where the API does not say.';
  return `${code(field.path.join('.'))}, in ${field.unit}.${note}${missing}`;
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
  const serving = createServingMetrics({ logLinesDropped: () => 0 });
  const text = `${await self.text()}${await serving.text()}`;
  return markdownTable(['Metric', 'Type', 'Labels', 'Value'], familiesIn(text));
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
