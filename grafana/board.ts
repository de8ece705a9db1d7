/** What all boards have in common: variables that chain, links to each other, and that nobody edits them by hand. */
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { type Panel, source } from './panels.ts';

export type BoardUid = 'openai-overview' | 'openai-usage' | 'openai-costs' | 'openai-limits' | 'openai-exporter';

export interface Board {
  readonly uid: BoardUid;
  readonly title: string;
  readonly about: string;
  readonly from: string;
  readonly variables: readonly dashboard.QueryVariableBuilder[];
  readonly rows: readonly Row[];
}

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
  return single(name, { label, of, values }).multi(true).includeAll(true).allValue(all).current({
    selected: true,
    text: 'All',
    value: '$__all',
  });
}

function single(name: string, { label, of, values }: VariableOptions): dashboard.QueryVariableBuilder {
  const query = `label_values(${of}, ${values})`;
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(source)
    .query({ query, refId: name })
    .definition(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc);
}

const tokens = 'job_project_key_user_model:openai_requests:rate5m';

export const variables = {
  job: () => choice('job', { label: 'Job', of: 'openai_exporter_build_info', values: 'job', all: '.+' }),
  instance: () =>
    choice('instance', {
      label: 'Instance',
      of: 'openai_exporter_build_info{job=~"$job"}',
      values: 'instance',
      all: '.+',
    }),
  currency: () =>
    single('currency', {
      label: 'Currency',
      of: 'job:openai_costs_month_to_date_amount:sum{job=~"$job"}',
      values: 'currency',
    }).current({ selected: true, text: 'usd', value: 'usd' }),
  project: () =>
    choice('project', {
      label: 'Project',
      of: 'job_project:openai_project_name:info{job=~"$job"}',
      values: 'project_name',
    }),
  key: () =>
    choice('key', { label: 'Key', of: `${tokens}{job=~"$job", project_name=~"$project"}`, values: 'api_key_name' }),
  user: () =>
    choice('user', { label: 'User', of: `${tokens}{job=~"$job", project_name=~"$project"}`, values: 'user_name' }),
  model: () =>
    choice('model', {
      label: 'Model',
      of: `${tokens}{job=~"$job", project_name=~"$project", api_key_name=~"$key"}`,
      values: 'model',
    }),
  tier: () => choice('tier', { label: 'Service tier', of: `${tokens}{job=~"$job"}`, values: 'service_tier' }),
  batch: () => choice('batch', { label: 'Batch', of: `${tokens}{job=~"$job"}`, values: 'batch' }),
  costKey: () =>
    choice('key', {
      label: 'Key',
      of: 'job_project_key_line_item:openai_costs_month_to_date_amount:max{job=~"$job", project_name=~"$project"}',
      values: 'api_key_name',
    }),
  limitModel: () =>
    choice('model', {
      label: 'Model',
      of: 'job_project_limit:openai_rate_limit_used:ratio{job=~"$job", project_name=~"$project"}',
      values: 'limit_model',
    }),
} as const;
