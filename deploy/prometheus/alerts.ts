/**
 * The alerts, each for a person who has something to do: docs/alerts.md says what. Written to rules/openai-alerts.yml by
 * `npm run dashboards`.
 */
import { listApis } from '../../src/openai/catalogue.ts';
import { identity, within } from './identity.ts';
import type { Links } from './links.ts';
import { trusted } from './recording.ts';
import { type Alert, type Group, ruleFile } from './rule-file.ts';

/**
 * Severities. The last one is not `info`, because kube-prometheus-stack silences every alert of that severity in a
 * namespace where nothing worse fires.
 */
export type Severity = 'critical' | 'warning' | 'notice';

type Board = 'exporter' | 'costs' | 'usage' | 'limits' | 'live';

interface Told {
  readonly alert: string;
  readonly why?: string;
  readonly expr: string;
  readonly for?: string;
  readonly keepFiringFor?: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly description: string;
  readonly board: Board;
  /** Variables of the board besides the organization, each with the label that it has its value from. */
  readonly variables?: Readonly<Record<string, string>>;
}

const header = `Generated from deploy/prometheus/alerts.ts: change that and run \`npm run dashboards\`.

Each alert has a section in docs/alerts.md. Severity: critical wakes somebody, warning waits for office hours, notice is
for the record. Spans of time in comparisons are written as minutes * 60 or hours * 3600.

Links begin with the addresses of deploy/compose.yaml. Yours are written by
  GRAFANA_URL=https://grafana.example.org RUNBOOKS_URL=https://git.example.org/docs/alerts.md npm run dashboards
or put in by replacing http://localhost:3000 and http://localhost:9090/user/alerts.md in this file.`;

const lists = listApis.join('|');
const job = '{{ $labels.job }}{{ with $labels.organization }} ({{ . }}){{ end }}';
const scope = '{{ or $labels.project_name "The organization" }}';
const on = `on (${within()})`;

/** An expression of a recorded series of what an alert is about, for a query in its text, and the query's beginning. */
function ask(query: (selector: string) => string, labels: readonly string[]): string {
  const all = [...identity, ...labels];
  const selector = all.map((label) => `${label}=%q`).join(', ');
  const values = all.map((label) => `(or $labels.${label} "")`).join(' ');
  return `printf "${query(`{${selector}}`)}" ${values} | query`;
}

/** A recorded figure of what an alert is about, in its text; `otherwise` where there is none. */
function figure(record: string, labels: readonly string[], format: string, otherwise = 'unknown'): string {
  const asked = ask((selector) => `last_over_time(${record}${selector}[3h])`, labels);
  return `{{ with ${asked} }}{{ . | first | value | ${format} }}{{ else }}${otherwise}{{ end }}`;
}

/** A figure of the organization, or of the project that an alert has: money with two digits. */
function money(name: string): string {
  const [ofOrganization, ofProject] = ['job', 'job_project'].map((level, index) =>
    figure(`${level}:openai_${name}`, index === 0 ? ['currency'] : ['currency', 'project_id'], 'printf "%.2f"'),
  );
  return `{{ if $labels.project_id }}${ofProject}{{ else }}${ofOrganization}{{ end }}`;
}

function reasons(span: string): string {
  const asked = ask(
    (selector) =>
      `sum by (reason) (max by (instance, reason) (increase(openai_exporter_poll_failures_total${selector}[${span}]))) > 0`,
    ['api'],
  );
  // An api counts as down before its poll gives up: then nothing is counted yet.
  return `{{ range ${asked} }} {{ .Labels.reason }} {{ .Value | printf "%.0f" }}{{ else }} no answer{{ end }}`;
}

/** Adds the name of the project; each project has one. */
function named(expr: string): string {
  return `(
${indent(expr)}
)
* on (${within('project_id')}) group_left (project_name)
job_project:openai_project_name:info`;
}

/** Adds a key's name and project where they are known: of several that replicas tell one. */
function keyNamed(expr: string): string {
  const told = within('api_key_id', 'api_key_name', 'project_id');
  return `(
${indent(expr)}
)
* on (${within('api_key_id')}) group_left (api_key_name, project_id)
group by (${told}) (
  topk by (${within('api_key_id')}) (1, count by (${told}) (openai_api_key_info))
)`;
}

const indent = (text: string) => text.replaceAll(/^/gm, '  ');

/**
 * The newest value of a recorded share of a month's money. It stays through failed scrapes, restarts and an outage of
 * three hours, so that these do not end an alert and send it anew; but not from one month into the next.
 */
function share(metric: string, labels: readonly string[] = [], matchers = ''): string {
  const level = (name: string, by: string) => {
    const series = `${name}:openai_${metric}:ratio${matchers}`;
    return `max by (${by}) (
  last_over_time(${series}[15m])
  or
  last_over_time(${series}[3h]) and on () (day_of_month() > 1 or hour() >= 3)
)`;
  };
  return `${level('job', within('currency', ...labels))}
or
${named(level('job_project', within('currency', 'project_id', ...labels)))}`;
}

/** The usage that a project usually has at this hour: the more of the last weeks and of yesterday, 0 where neither is known. */
function baseline(now: string, usual: string, labels: readonly string[]): string {
  return `max by (${within(...labels)}) (
  label_replace(${usual}, "of", "weeks", "", "")
  or
  label_replace(last_over_time(${now}[15m] offset 1d), "of", "yesterday", "", "")
  or
  label_replace(0 * ${now}, "of", "nothing", "", "")
)`;
}

/** Organizations that the rules have watched for a week: before that nothing is usual. */
const watchedForAWeek = 'last_over_time(job:openai_recording_rules:info[1d] offset 1w)';

/**
 * How many times the usual amount of data the last hour brought: 1, and after an outage of the API of 4 hours 5, for all
 * of it is read at once then.
 */
const caughtUp = `(
  1 + clamp_min(
    max by (${within()}) (
      job_api:openai_data_age_seconds:min{api!="costs"} offset 1h
      - job_api:openai_data_age_seconds:min{api!="costs"}
    ),
    0
  ) / 3600
  or
  group by (${within()}) (job_project:openai_tokens:increase1h)
)`;

function firstSeen(level: string, label: string): string {
  const seen = `${level}:openai_first_seen:timestamp_seconds`;
  return `(time() - ${seen}{${label}!~"|none|other"} < 4 * 3600)
and ${on}
(time() - min by (${within()}) (${seen}) > 31 * 24 * 3600)`;
}

const exporterAlerts: readonly Told[] = [
  {
    alert: 'OpenAIExporterDown',
    why: "Known by its metrics within the last day, or if it never answered by its job's name: one that these documents use.",
    expr: `group by (${within()}) (
  last_over_time(openai_exporter_build_info[1d])
  or
  up{job=~"openai|.*openai[-_](usage[-_])?exporter.*"}
  or
  up{job=~"openai[-_].+", organization!=""}
)
unless ${on}
(up == 1)`,
    for: '30m',
    severity: 'critical',
    summary: `No exporter of ${job} answers`,
    description: `Prometheus has had no answer from any instance of job ${job} for 30 minutes. Nothing is known of usage and spend meanwhile, and no other alert of this job can fire. Totals will be right again once it runs.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIExporterReplicaDown',
    expr: `(
  up == 0
  and on (${within('instance')})
  last_over_time(openai_exporter_build_info[1d])
)
and ${on}
(up == 1)`,
    for: '1h',
    severity: 'warning',
    summary: `Replica {{ $labels.instance }} of ${job} does not answer`,
    description: `Prometheus has had no answer from {{ $labels.instance }} for an hour. Another replica of job ${job} serves, so nothing is missing yet.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIReaderRestarted',
    expr: `sum by (${within('instance')}) (increase(openai_exporter_reader_restarts_total[1h])) > 0`,
    severity: 'warning',
    summary: 'The reading thread of {{ $labels.instance }} has died and was started again',
    description: `Within the last hour the thread of {{ $labels.instance }} (job ${job}) that reads OpenAI has died about {{ $value | printf "%.0f" }} times. The last page stays on show meanwhile. After ten deaths within ten minutes the process ends, unless it reads several organizations.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIOrganizationDown',
    why: 'Of several in one process, which says so itself: the page of a thread that does not run has its last numbers.',
    expr: `max by (${within()}) (openai_exporter_organization_up) == 0`,
    for: '30m',
    severity: 'warning',
    summary: 'Organization {{ $labels.organization }} cannot be read',
    description: `For 30 minutes no api of {{ $labels.organization }} has answered, or the thread that reads it does not run (exporter {{ $labels.job }}). Its last good numbers stay on show; other organizations are not affected.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIOrganizationsFileUnusable',
    expr: `max by (${within('instance')}) (openai_exporter_config_last_reload_successful) == 0`,
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.instance }} cannot use its file of organizations',
    description: `For 5 minutes the file of --organizations.file of {{ $labels.instance }} (job ${job}) has had a mistake, or is gone. What it said before holds, so a new organization is not read yet, and one that was removed still is.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIKeyRefused',
    why: 'Refused twice or more without any other outcome between, however far apart back-off puts the polls: a single 401 now and then is usual. Lists are left out here and in the next rule: another scope, and an alert of their own. It is sooner than the next rule, which it silences.',
    expr: `count by (${within('reason')}) (
  max by (${within('api', 'reason')}) (
    openai_exporter_poll_failures_total{reason=~"auth|permission", api!~"${lists}"}
    - on (${within('instance', 'api', 'reason')})
    job_instance_api_reason:openai_poll_failures:before
  ) >= 2
  and on (${within('api')})
  job_api:openai_up:max == 0
)`,
    for: '10m',
    severity: 'critical',
    summary: `OpenAI refuses the admin key of ${job} ({{ $labels.reason }})`,
    description: `For 10 minutes {{ $value }} apis of job ${job} have been refused, reason {{ $labels.reason }}: auth means that the key is wrong, deleted or expired, permission that it lacks the scope api.usage.read. The last good numbers stay on show.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIEndpointFailing',
    expr: `job_api:openai_up:max{api!~"${lists}"} == 0`,
    for: '15m',
    severity: 'warning',
    summary: 'Polls of {{ $labels.api }} fail',
    description: `No poll of {{ $labels.api }} has succeeded for 15 minutes (job ${job}). Reasons in the last half hour:${reasons('30m')}. The last good numbers stay on show.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIListFailing',
    why: 'Lists of names and limits: of all their kind, one that fails is enough. A large organization reads them in hours.',
    expr: `job_api:openai_up:max{api=~"${lists}"} == 0`,
    for: '1h',
    severity: 'warning',
    summary: 'Lists of {{ $labels.api }} cannot be read',
    description: `For an hour not every list of {{ $labels.api }} could be read (job ${job}). Names of what is new may be ids, and limits may be old; usage and costs go on. Reasons in the last day:${reasons('1d')}.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIUsageDataStale',
    why: 'Usage is 15 to 30 minutes old, depending on whether the api is in use; a day of costs settles 24 h after its end.',
    expr: `job_api:openai_data_age_seconds:min{api!="costs"} > 60 * 60
or
job_api:openai_data_age_seconds:min{api="costs"} > 60 * 3600`,
    for: '15m',
    severity: 'warning',
    summary: 'Data of {{ $labels.api }} is {{ $value | humanizeDuration }} old',
    description: `The newest settled bucket of {{ $labels.api }} ended {{ $value | humanizeDuration }} ago (job ${job}). What is shown of it is no longer now; alerts on spend and usage are late by as much.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIPollsSlow',
    why: 'A poll is given up after 5 minutes.',
    expr: `min by (${within('api')}) (openai_exporter_poll_duration_seconds{api!~"${lists}"}) > 3 * 60`,
    for: '30m',
    severity: 'warning',
    summary: 'Polls of {{ $labels.api }} take {{ $value | humanizeDuration }}',
    description: `For half an hour polls of {{ $labels.api }} (job ${job}) have taken more than 3 minutes, the last one {{ $value | humanizeDuration }}: OpenAI answers slowly, or there are too few requests for all that is read. Data is late by as much, and a poll is given up after 5 minutes.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIAdminKeyExpiring',
    why: 'Up to a day after, here and in the next rule: an expired key can stay in the list for as long as nobody deletes it.',
    expr: `(
  max by (${within('api_key_id', 'api_key_name')}) (openai_admin_api_key_expires_timestamp_seconds) - time()
) / 86400 < 14 > -1`,
    for: '15m',
    severity: 'warning',
    summary: 'Admin key {{ $labels.api_key_name }} expires in {{ $value | printf "%.1f" }} days',
    description: `The admin key {{ $labels.api_key_name }} ({{ $labels.api_key_id }}) of job ${job} expires in {{ $value | printf "%.1f" }} days. If it is the exporter's, polls are refused from then on.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIApiKeyExpiring',
    expr: `${keyNamed(`(max by (${within('api_key_id')}) (openai_api_key_expires_timestamp_seconds) - time()) / 86400 < 14 > -1`)}
or on (${within('api_key_id')})
(max by (${within('api_key_id')}) (openai_api_key_expires_timestamp_seconds) - time()) / 86400 < 14 > -1`,
    for: '15m',
    severity: 'warning',
    summary: 'API key {{ or $labels.api_key_name $labels.api_key_id }} expires in {{ $value | printf "%.1f" }} days',
    description: `The API key {{ or $labels.api_key_name $labels.api_key_id }} ({{ $labels.api_key_id }}) of {{ with $labels.project_id }}project {{ . }}, {{ end }}job ${job}, expires in {{ $value | printf "%.1f" }} days. Requests with it are refused from then on.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAISeriesFolded',
    expr: `max by (${within('api')}) (increase(openai_exporter_folded_rows_total[1h])) > 0
or
sum by (${within('api')}) (
  label_replace(increase(openai_exporter_live_folded_records_total[1h]), "api", "live usage", "", "")
) > 0`,
    severity: 'warning',
    summary: '{{ $labels.api }} has more groups than are kept',
    description: `{{ $value | printf "%.0f" }} rows of {{ $labels.api }} were taken into the group "other" within an hour (job ${job}). Sums are right; who is in "other" is not known.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIRowsLeftOut',
    expr: `max by (${within('api')}) (increase(openai_exporter_malformed_rows_total[1h])) > 0`,
    for: '15m',
    severity: 'warning',
    summary: 'Rows of {{ $labels.api }} are refused, or not taken whole',
    description: `{{ $value | printf "%.0f" }} rows or items of {{ $labels.api }} were refused within an hour, or lack something that OpenAI sent, each read counted (job ${job}). The log and the status page say which, and why.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIDimensionRefused',
    expr: `max by (${within('api', 'dimension')}) (openai_exporter_dimension_refused) == 1`,
    for: '15m',
    severity: 'notice',
    summary: 'OpenAI does not grant {{ $labels.api }} by {{ $labels.dimension }}',
    description: `Numbers of {{ $labels.api }} (job ${job}) come without the label {{ $labels.dimension }}, because OpenAI refuses to group by it. Sums are right. It is tried again each day.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAICountersHeldBack',
    why: 'A restart now, without a state file, would let them fall.',
    expr: `count by (${within('api')}) (max by (${within('api', 'field')}) (openai_exporter_held_back) > 0)`,
    for: '15m',
    severity: 'notice',
    summary: 'OpenAI has lowered usage of {{ $labels.api }} that was already counted',
    description: `Counters of {{ $value }} fields of {{ $labels.api }} (job ${job}) stand above what OpenAI reports now, by what openai_exporter_held_back says, until growth has overtaken it. Do not restart an exporter without a state file meanwhile: Prometheus would count the lowered series again in full.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAICounterFell',
    why: 'A new month lowers counters, too, but not by a restart; and after a restart across it a fall is right. Each api is summed by itself: their series can have the same labels.',
    expr: `(
  sum by (${within('instance')}) (
    label_replace(
      sum by (${within('instance')}) (resets(openai_completions_num_model_requests_total[1h])),
      "api", "completions", "", ""
    )
    or
    label_replace(
      sum by (${within('instance')}) (resets(openai_embeddings_num_model_requests_total[1h])),
      "api", "embeddings", "", ""
    )
  ) > 0
  and on (${within('instance')})
  changes(process_start_time_seconds[1h]) > 0
)
and on ()
day_of_month() > 1`,
    severity: 'warning',
    summary: 'Counters of {{ $labels.instance }} were lower after a restart',
    description: `{{ $value | printf "%.0f" }} series of {{ $labels.instance }} (job ${job}) fell at a restart: OpenAI had lowered usage that was already shown, and no state file remembered it. Prometheus counts these series again in full, so increases over the moment of the restart are too high.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIStateFileFailing',
    expr: `sum by (${within('instance')}) (increase(openai_exporter_state_file_errors_total[10m])) > 0`,
    for: '15m',
    severity: 'warning',
    summary: '{{ $labels.instance }} cannot keep its state file',
    description: `For 15 minutes {{ $labels.instance }} (job ${job}) has not been able to write its state file, or another process has it. Numbers are right; counters may fall at the next restart.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAILogLinesDropped',
    expr: `sum by (${within('instance')}) (increase(openai_exporter_log_lines_dropped_total[1h])) > 0`,
    severity: 'warning',
    summary: 'The log of {{ $labels.instance }} loses lines',
    description: `{{ $value | printf "%.0f" }} log lines of {{ $labels.instance }} (job ${job}) were dropped within an hour, because whoever reads the log did not take them. Numbers are right.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIScrapesRejected',
    expr: `sum by (${within('instance')}) (increase(openai_exporter_scrapes_rejected_total[15m])) > 0`,
    for: '15m',
    severity: 'warning',
    summary: '{{ $labels.instance }} turns scrapes away',
    description: `For 15 minutes {{ $labels.instance }} (job ${job}) has answered some scrapes with 503, {{ $value | printf "%.0f" }} within the last 15 minutes: more clients ask at once than --web.max-requests allows. Their samples are missing.`,
    board: 'exporter',
  },
  {
    alert: 'OpenAIClientsRefused',
    why: 'Scanners knock at every open port now and then; whoever guesses passwords, or was given a wrong one, goes on.',
    expr: `sum by (${within('instance', 'reason')}) (increase(openai_exporter_clients_refused_total[15m])) > 30`,
    for: '15m',
    severity: 'notice',
    summary: '{{ $labels.instance }} turns clients away: {{ $labels.reason }}',
    description: `For 15 minutes {{ $labels.instance }} (job ${job}) has turned clients away ({{ $labels.reason }}), {{ $value | printf "%.0f" }} times within the last 15 minutes: somebody guesses passwords, or a scraper has the wrong ones.`,
    board: 'exporter',
  },
];

const budgetText = {
  summary: `${scope} has spent {{ $value | humanizePercentage }} of the month's budget`,
  description: `${scope} (job ${job}) has spent {{ $value | humanizePercentage }} of its budget: ${money('costs_month_to_date_amount:sum')} of ${money('budget_amount:max')} {{ $labels.currency }} in this UTC month. Costs are 10 minutes to some hours late.`,
  board: 'costs',
  variables: { project: 'project_id' },
} as const;

const budgetUsed = (least: number) => `(
${indent(share('budget_used'))}
) >= ${least}`;

const limitText = {
  for: '5m',
  summary: `${scope} has spent {{ $value | humanizePercentage }} of OpenAI's spend limit`,
  board: 'costs',
  variables: { project: 'project_id' },
} as const;

const limitUsed = (matchers: string) => `(
${indent(share('spend_limit_used', ['enforcement'], matchers))}
) >= 0.9`;

const budgetAlerts: readonly Told[] = [
  { alert: 'OpenAIBudgetExceeded', expr: budgetUsed(1), for: '5m', severity: 'critical', ...budgetText },
  { alert: 'OpenAIBudgetNearlyUsed', expr: budgetUsed(0.8), for: '5m', severity: 'warning', ...budgetText },
  { alert: 'OpenAIBudgetHalfUsed', expr: budgetUsed(0.5), for: '5m', severity: 'notice', ...budgetText },
  {
    alert: 'OpenAIForecastAboveBudget',
    why: 'At the pace of the last settled days. Once it is exceeded, that is said instead.',
    expr: `(
${indent(share('budget_forecast'))}
) > 1
unless
(
${indent(share('budget_used'))}
) >= 1`,
    for: '1h',
    keepFiringFor: '1h',
    severity: 'warning',
    summary: `${scope} will have spent {{ $value | humanizePercentage }} of the budget by the end of the month`,
    description: `At the pace of the last days {{ or $labels.project_name "the organization" }} (job ${job}) ends the month at {{ $value | humanizePercentage }} of its budget: ${money('costs_month_forecast_amount:sum')} of ${money('budget_amount:max')} {{ $labels.currency }}.`,
    board: 'costs',
    variables: { project: 'project_id' },
  },
  {
    alert: 'OpenAIBudgetGoneInADay',
    why: 'By estimates, which are minutes old, and silent while they cannot be trusted. Once the budget is exceeded, that is said instead.',
    expr: `(
${indent(share('budget_day_ahead'))}
) >= 1
unless
(
${indent(share('budget_used'))}
) >= 1`,
    for: '5m',
    keepFiringFor: '30m',
    severity: 'warning',
    summary: `${scope} passes the month's budget within 24 hours at the present rate`,
    description: `${scope} (job ${job}) spends about ${money('spend_estimate_hour_amount:sum')} {{ $labels.currency }} an hour, by usage. At that rate {{ $value | humanizePercentage }} of the month's budget of ${money('budget_amount:max')} are spent in 24 hours, or when the month ends; it is about ${money('spend_estimate_month_amount:sum')} now.`,
    board: 'costs',
    variables: { project: 'project_id' },
  },
  {
    alert: 'OpenAISpendLimitNear',
    why: 'OpenAI refuses requests once an enforced limit is reached.',
    expr: limitUsed('{enforcement="enforcing"}'),
    severity: 'critical',
    description: `${scope} (job ${job}) has spent {{ $value | humanizePercentage }} of the monthly limit that is set at OpenAI, in {{ $labels.currency }}. It is enforced: all requests are refused when it is reached.`,
    ...limitText,
  },
  {
    alert: 'OpenAISoftSpendLimitNear',
    why: 'Other limits are a message only.',
    expr: limitUsed('{enforcement!="enforcing"}'),
    severity: 'warning',
    description: `${scope} (job ${job}) has spent {{ $value | humanizePercentage }} of the monthly limit that is set at OpenAI, in {{ $labels.currency }}. It is {{ $labels.enforcement }}: nothing is stopped when it is reached.`,
    ...limitText,
  },
];

const spentToday = 'job_project:openai_costs_today_amount:sum';
const spentUsually = 'job_project:openai_costs_today_usual_amount:avg';
const tokensNow = 'job_project:openai_tokens:increase1h';
const tokensUsually = 'job_project:openai_tokens:usual1h';

const dayAsNow = 'job_project:openai_spend_estimate_day_amount:sum';
const dayAsUsual = 'job_project:openai_spend_estimate_usual_day_amount:avg';

const liveSpend = ask(
  (selector) => `sum(increase(openai_project_spend_estimate_live_amount_total${selector}[10m])) > 0`,
  ['currency', 'project_id'],
);
const inLastMinutes = `{{ with ${liveSpend} }}, and about {{ . | first | value | printf "%.2f" }} in the last 10 minutes, by live usage{{ end }}`;

const spendNowAlerts: readonly Told[] = [
  {
    alert: 'OpenAISpendRunningAway',
    why: 'What the day, or six hours, will have cost if it goes on as in the last hour: more than three times what the same said at this hour of this weekday, and above it 10 and a hundredth of what the organization usually has. By estimates, which are minutes old, and silent while they cannot be trusted. At once: what it looks at is an hour, or ten minutes of live usage.',
    expr: named(`${dayAsNow}
> on (${within('currency', 'project_id')})
3 * ${baseline(dayAsNow, dayAsUsual, ['currency', 'project_id'])}
+ on (${within('currency')}) group_left ()
(
  10 + 0.01 * (
    sum by (${within('currency')}) (${dayAsUsual})
    or
    0 * sum by (${within('currency')}) (${dayAsNow})
  )
)
and on (${within('currency')})
${trusted}
and ${on}
${watchedForAWeek}`),
    keepFiringFor: '15m',
    severity: 'critical',
    summary:
      '{{ $labels.project_name }} is on its way to {{ $value | printf "%.0f" }} {{ $labels.currency }}, which is unusual',
    description: `Project {{ $labels.project_name }} (job ${job}) has spent about ${figure('job_project:openai_spend_estimate_hour_amount:sum', ['currency', 'project_id'], 'printf "%.2f"')} {{ $labels.currency }} in the last hour, by usage${inLastMinutes}. If it goes on, it is about {{ $value | printf "%.2f" }} by midnight UTC, or in six hours if these are longer; at this hour on this day of the last weeks that was ${figure(dayAsUsual, ['currency', 'project_id'], 'printf "%.2f"', 'nothing')}.`,
    board: 'costs',
    variables: { project: 'project_id' },
  },
];

const unreported = 'job_project:openai_live_tokens_unreported:settled_hour';
const usedOfHour = 'job_project:openai_live_tokens_used:settled_hour';
/** Tokens an hour, as they were reported within the last 5 minutes. */
const liveRate = '(12 * job_project:openai_live_tokens:increase5m)';

const liveAlerts: readonly Told[] = [
  {
    alert: 'OpenAIUsageUnreported',
    why: 'Two settled hours in a row: each is on show for an hour.',
    expr: named(`${unreported} > 10000
and
${unreported} > 0.1 * ${usedOfHour}`),
    for: '65m',
    severity: 'warning',
    summary: '{{ $labels.project_name }} has used {{ $value | humanize }} tokens in an hour that nobody reported',
    description: `OpenAI says that project {{ $labels.project_name }} (job ${job}) used ${figure(usedOfHour, ['project_id'], 'humanize')} tokens in the newest settled hour. Of these, {{ $value | humanize }} were reported by no application or gateway, and in the hour before it was more than a tenth, too. A gateway is gone past, or a key has leaked.`,
    board: 'live',
    variables: { project: 'project_id' },
  },
  {
    alert: 'OpenAILiveRateUnusual',
    why: 'As OpenAITokensUnusual, by what applications report: a loop that runs away is seen within minutes.',
    expr: named(`${liveRate}
> on (${within('project_id')})
3 * (
  ${indent(baseline(tokensNow, tokensUsually, ['project_id'])).trimStart()}
  or on (${within('project_id')})
  0 * ${liveRate}
)
+ ${on} group_left ()
(
  1e6 + 0.01 * (
    sum by (${within()}) (${tokensUsually})
    or
    0 * sum by (${within()}) (${liveRate})
  )
)
and ${on}
${watchedForAWeek}`),
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.project_name }} uses {{ $value | humanize }} tokens an hour just now, which is unusual',
    description: `For 5 minutes project {{ $labels.project_name }} (job ${job}) has reported {{ $value | humanize }} tokens an hour. In the same hour of the last weeks it was ${figure(tokensUsually, ['project_id'], 'humanize', 'nothing')}.`,
    board: 'live',
    variables: { project: 'project_id' },
  },
  {
    alert: 'OpenAILiveRecordsRefused',
    expr: `sum by (${within('format')}) (increase(openai_exporter_live_records_total{outcome="refused"}[15m])) > 0`,
    for: '15m',
    severity: 'warning',
    summary: 'Records of live usage are refused',
    description: `{{ $value | printf "%.0f" }} records of the form {{ $labels.format }} were refused within 15 minutes (job ${job}), so what they used is missing in live usage. The answer to whoever sent them says why.`,
    board: 'live',
  },
  {
    alert: 'OpenAILiveSilent',
    why: 'An hour without a record where there were some within the day before it, while OpenAI says that there was usage.',
    expr: `job:openai_live_records:increase1h == 0
and
max_over_time(job:openai_live_records:increase1h[1d] offset 1h) > 0
and
sum by (${within()}) (job_project:openai_tokens:increase1h) > 10000`,
    for: '30m',
    severity: 'warning',
    summary: 'Nobody reports live usage any more',
    description: `For an hour and a half no application or gateway has reported usage to job ${job}, although OpenAI says that there is usage.`,
    board: 'live',
  },
];

const usageAlerts: readonly Told[] = [
  {
    alert: 'OpenAIUserCostsDiffer',
    why: 'The same money, read twice; days that still change are not compared.',
    expr: `max by (${within('currency')}) (abs(openai_exporter_user_costs_difference_amount)) >= 0.01`,
    for: '1h',
    severity: 'warning',
    summary: 'Costs by user and by project differ by {{ $value | printf "%.2f" }} {{ $labels.currency }}',
    description: `For an hour the costs by user of job ${job} have not added up to the costs by project, on days that are final in both. Whoever is billed by user is billed wrong by as much.`,
    board: 'costs',
  },
  {
    alert: 'OpenAISpendUnusual',
    why: 'Spend since midnight UTC: more than three times the usual, and above it 10 and a hundredth of what the organization usually has.',
    expr: named(`${spentToday}
> on (${within('currency', 'project_id')})
3 * ${baseline(spentToday, spentUsually, ['currency', 'project_id'])}
+ on (${within('currency')}) group_left ()
(
  10 + 0.01 * (
    sum by (${within('currency')}) (${spentUsually})
    or
    0 * sum by (${within('currency')}) (${spentToday})
  )
)
and ${on}
${watchedForAWeek}`),
    for: '15m',
    keepFiringFor: '15m',
    severity: 'warning',
    summary:
      '{{ $labels.project_name }} has spent {{ $value | printf "%.2f" }} {{ $labels.currency }} today, which is unusual',
    description: `Project {{ $labels.project_name }} (job ${job}) has spent {{ $value | printf "%.2f" }} {{ $labels.currency }} since midnight UTC. At this hour on this day of the last weeks it was ${figure(spentUsually, ['currency', 'project_id'], 'printf "%.2f"', 'nothing')}.`,
    board: 'costs',
    variables: { project: 'project_id' },
  },
  {
    alert: 'OpenAITokensUnusual',
    why: 'Tokens of an hour: more than three times the usual, and above it a million and a hundredth of what the organization usually has. What was read at once after an outage is spread over the hours that it is from.',
    expr: named(`${tokensNow}
/ ${on} group_left ()
${caughtUp}
> on (${within('project_id')})
3 * ${baseline(tokensNow, tokensUsually, ['project_id'])}
+ ${on} group_left ()
(
  1e6 + 0.01 * (
    sum by (${within()}) (${tokensUsually})
    or
    0 * sum by (${within()}) (${tokensNow})
  )
)
and ${on}
${watchedForAWeek}`),
    for: '15m',
    severity: 'warning',
    summary: '{{ $labels.project_name }} has used {{ $value | humanize }} tokens within an hour, which is unusual',
    description: `Project {{ $labels.project_name }} (job ${job}) has used {{ $value | humanize }} tokens within an hour. In the same hour of the last weeks it was ${figure(tokensUsually, ['project_id'], 'humanize', 'nothing')}.`,
    board: 'usage',
    variables: { project: 'project_id' },
  },
  {
    alert: 'OpenAINewModel',
    why: 'For 4 hours after it was first on show; not while the rules themselves are younger than a month: until then a model may only have been idle since the counters began.',
    expr: firstSeen('job_model', 'model'),
    severity: 'notice',
    summary: 'Model {{ $labels.model }} is used for the first time',
    description: `Model {{ $labels.model }} has usage in job ${job}, never seen there before. Used in:{{ range ${ask(
      (selector) =>
        `group by (project_name) (group by (${within('project_id')}) (job_project_key_user_model:openai_requests_total:max${selector}) * on (${within('project_id')}) group_left (project_name) job_project:openai_project_name:info)`,
      ['model'],
    )} }} {{ .Labels.project_name }}{{ end }}.`,
    board: 'usage',
    variables: { model: 'model' },
  },
  {
    alert: 'OpenAINewKey',
    why: 'Which project a key belongs to is not known without the second scope, nor of a key that is gone.',
    expr: `${keyNamed(firstSeen('job_key', 'api_key_id'))}
* on (${within('project_id')}) group_left (project_name)
(
  job_project:openai_project_name:info
  or on (${within('project_id')})
  group by (${within('project_id')}) (openai_api_key_info)
)`,
    severity: 'notice',
    summary: 'Key {{ $labels.api_key_name }} is used for the first time',
    description: `The API key {{ $labels.api_key_name }} ({{ $labels.api_key_id }}){{ if and $labels.project_name (ne $labels.project_id "none") }} of project {{ $labels.project_name }}{{ end }} has usage in job ${job}, never seen there before.`,
    board: 'usage',
    variables: { key: 'api_key_id' },
  },
  {
    alert: 'OpenAIRateLimitNear',
    why: 'The newest settled minute, as long as there are new ones.',
    expr: `job_project_limit:openai_rate_limit_used:ratio > 0.9
unless ${on}
max by (${within()}) (job_api:openai_data_age_seconds:min{api!="costs"}) > 45 * 60`,
    for: '15m',
    keepFiringFor: '1h',
    severity: 'warning',
    summary: '{{ $labels.project_name }} uses {{ $value | humanizePercentage }} of its {{ $labels.limit }} a minute',
    description: `Project {{ $labels.project_name }} (job ${job}) used {{ $value | humanizePercentage }} of the {{ $labels.limit }} a minute that it may with {{ $labels.limit_model }}, for 15 minutes. At the limit OpenAI answers its requests with 429. The numbers are about a quarter of an hour old.`,
    board: 'limits',
    variables: { project: 'project_id' },
  },
  {
    alert: 'OpenAICachedShareCollapsed',
    why: 'Of projects and models that had a fifth of their input cached, and have a million input tokens an hour.',
    expr: named(`job_project_model:openai_cached_share:ratio1h
<
0.5 * (avg_over_time(job_project_model:openai_cached_share:ratio1h[1d] offset 1h) > 0.2)
and
job_project_model:openai_completions_input_tokens:increase1h > 1e6`),
    for: '30m',
    severity: 'warning',
    summary:
      'Only {{ $value | humanizePercentage }} of the input of {{ $labels.project_name }} to {{ $labels.model }} is cached',
    description: `Of the input tokens of project {{ $labels.project_name }} (job ${job}) to {{ $labels.model }}, {{ $value | humanizePercentage }} came from the cache within the last hour, less than half of the share of the day before. Uncached input costs several times as much.`,
    board: 'usage',
    variables: { project: 'project_id', model: 'model' },
  },
];

function boardLink({ board, variables = {} }: Told, grafana: string): string {
  const all = { namespace: 'namespace', organization: 'organization', ...variables };
  const optional = Object.entries(all).map(
    ([variable, label]) => `{{ with $labels.${label} }}&var-${variable}={{ . | urlquery }}{{ end }}`,
  );
  return `${grafana}/d/openai-${board}?var-job={{ $labels.job | urlquery }}${optional.join('')}`;
}

function alertOf(told: Told, { grafana, runbooks }: Links): Alert {
  const { alert, why, expr, keepFiringFor, severity, summary, description } = told;
  return {
    alert,
    ...(why === undefined ? {} : { why }),
    expr,
    ...(told.for === undefined ? {} : { for: told.for }),
    ...(keepFiringFor === undefined ? {} : { keepFiringFor }),
    labels: { severity },
    annotations: {
      summary,
      description,
      dashboard: boardLink(told, grafana),
      runbook_url: `${runbooks}#${alert.toLowerCase()}`,
    },
  };
}

/** The file of alerts. */
export function alertingRules(links: Links): string {
  const group = (name: string, alerts: readonly Told[], why?: string): Group => ({
    name,
    ...(why === undefined ? {} : { why }),
    rules: alerts.map((told) => alertOf(told, links)),
  });
  return ruleFile(header, [
    group('openai_exporter_alerts', exporterAlerts),
    // With a scrape each 30 s, what live usage shows is at a webhook within a minute.
    { ...group('openai_spend_now_alerts', spendNowAlerts), interval: '5s' },
    group('openai_budget_alerts', budgetAlerts),
    group('openai_usage_alerts', usageAlerts),
    group('openai_live_alerts', liveAlerts),
  ]);
}
