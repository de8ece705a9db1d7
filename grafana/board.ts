/** The traits that all boards have in common: variables that chain, links to each other, and that nobody edits them by hand. */
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { type Panel, source } from './panels.ts';

export type BoardUid =
  | 'openai-overview'
  | 'openai-usage'
  | 'openai-costs'
  | 'openai-limits'
  | 'openai-live'
  | 'openai-organizations'
  | 'openai-exporter';

export interface Board {
  readonly uid: BoardUid;
  readonly title: string;
  readonly about: string;
  readonly from: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
}

type Variable = dashboard.QueryVariableBuilder | dashboard.TextBoxVariableBuilder;

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const tag = 'openai-usage-exporter';

export function build(board: Board): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(board.title)
    .uid(board.uid)
    .description(board.about)
    .tags([tag])
    .timezone('utc')
    .time({ from: board.from, to: 'now' })
    .refresh('1m')
    .readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .link(
      new dashboard.DashboardLinkBuilder('OpenAI')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags([tag])
        .keepTime(true)
        .includeVars(true)
        .asDropdown(false),
    );
  for (const variable of board.variables) builder.withVariable(variable);
  for (const { title, panels } of board.rows) {
    builder.withRow(new dashboard.RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const built = builder.build();
  for (const [index, panel] of (built.panels ?? []).entries()) panel.id = index + 1;
  // Of newer Grafanas: a menu to open first.
  for (const link of built.links ?? []) delete link.placement;
  return built;
}

interface VariableOptions {
  readonly label: string;
  /** A selector, the variables before it included. */
  readonly of: string;
  readonly values: string;
  readonly all?: string;
}

/** Chooses one or several values of a label. */
function choice(name: string, { label, of, values, all = '.*' }: VariableOptions): dashboard.QueryVariableBuilder {
  return several(single(name, { label, of, values }), all);
}

function several(variable: dashboard.QueryVariableBuilder, all: string): dashboard.QueryVariableBuilder {
  return variable.multi(true).includeAll(true).allValue(all).current({ selected: true, text: 'All', value: '$__all' });
}

function single(name: string, { label, of, values }: VariableOptions): dashboard.QueryVariableBuilder {
  return variable(name, label, `label_values(${of}, ${values})`);
}

function variable(name: string, label: string, query: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(source)
    .query({ query, refId: name })
    .definition(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc);
}

/** Chooses ids by their names: it is the id that narrows, so that a name can change and two can have the same. */
function byName(name: string, label: string, info: string, [id, text]: readonly [string, string]) {
  const query = `query_result(group by (${id}, ${text}) (${info}))`;
  // What Grafana shows of a series is {a="…",b="…"} 1 …, labels in the order of the alphabet, quotes as they are.
  const regex = `/${id}="(?<value>[^"]*)",${text}="(?<text>.*)"} /`;
  return several(variable(name, label, query).regex(regex), '.*');
}

const organization = 'job=~"$job", namespace=~"$namespace", organization=~"$organization"';
const inProject = `${organization}, project_id=~"$project"`;
const requests = 'job_project_key_user_model:openai_requests_total:max4m';
const ofKeys = `openai_api_key_info{${organization}, project_id=~"$project|none"}`;

export const variables = {
  job: () => choice('job', { label: 'Job', of: 'openai_exporter_build_info', values: 'job', all: '.+' }),
  namespace: () =>
    choice('namespace', { label: 'Namespace', of: 'openai_exporter_build_info{job=~"$job"}', values: 'namespace' }),
  organization: () =>
    choice('organization', {
      label: 'Organization',
      of: 'openai_exporter_build_info{job=~"$job", namespace=~"$namespace"}',
      values: 'organization',
    }),
  instance: () =>
    choice('instance', {
      label: 'Instance',
      of: `openai_exporter_build_info{${organization}}`,
      values: 'instance',
      all: '.+',
    }),
  currency: () =>
    single('currency', {
      label: 'Currency',
      of: `openai_costs_month_to_date_amount_value{${organization}}`,
      values: 'currency',
    }).current({ selected: true, text: 'usd', value: 'usd' }),
  project: () => byName('project', 'Project', `openai_project_info{${organization}}`, ['project_id', 'project_name']),
  key: () => byName('key', 'Key', ofKeys, ['api_key_id', 'api_key_name']),
  user: () => byName('user', 'User', `openai_user_info{${organization}}`, ['user_id', 'user_name']),
  model: () =>
    choice('model', { label: 'Model', of: `${requests}{${inProject}, api_key_id=~"$key"}`, values: 'model' }),
  tier: () => choice('tier', { label: 'Service tier', of: `${requests}{${organization}}`, values: 'service_tier' }),
  batch: () => choice('batch', { label: 'Batch', of: `${requests}{${organization}}`, values: 'batch' }),
  liveModel: () =>
    choice('model', {
      label: 'Model',
      of: `openai_live_completions_num_model_requests_total{${inProject}}`,
      values: 'model',
    }),
  liveLabel: () => new dashboard.TextBoxVariableBuilder('label').label('By label').defaultValue('api_key_id'),
  limitModel: () =>
    choice('model', {
      label: 'Model',
      of: `job_project_limit:openai_rate_limit_used:ratio{${inProject}}`,
      values: 'limit_model',
    }),
} as const;

/** The variables that every board begins with. */
export const organizations = () => [variables.job(), variables.namespace(), variables.organization()];
