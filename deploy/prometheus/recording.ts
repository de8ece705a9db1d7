/**
 * The recording rules: what boards and alerts read over long spans. They follow from the catalogue. Written to
 * rules/openai-recording.yml by `npm run dashboards`.
 */
import { type Endpoint, endpoints } from '../../src/openai/catalogue.ts';
import { identity, within } from './identity.ts';
import { type Rule, type Group as RuleGroup, ruleFile } from './rule-file.ts';

export type Group = RuleGroup<Rule>;
export type { Rule };

const header = `Generated from deploy/prometheus/recording.ts: change that and run \`npm run dashboards\`.

What the boards and alerts read. Names follow level:metric:operations, where the level is the labels that are left. In
a level \`job\` stands for what identifies an organization: ${identity.join(', ')}. \`key\` stands for
api_key_id, \`limit\` for the model whose rate limit holds.

- Series that agree in these labels are replicas of one exporter and show the same: \`max\` without instance takes one
  of them. Organizations that differ in one of the labels are never added up.
- Recorded series carry ids, so a project with a new name stays one series. Names are joined where they are shown:
    * on (${within('project_id')})
      group_left (project_name) job_project:openai_project_name:info
  and likewise job_key:openai_api_key_name:info and job_user:openai_user_name:info. An id that was shown within the
  last 100 days has exactly one name, and so have series without the label; a join loses and doubles nothing.

Counters: increase() of them is an amount, rate() a curve; an average of rates is never an amount. All have \`api\`.
- Every minute, with few labels, for amounts over any range:
    job_project:openai_tokens_total:sum, likewise job_model:, job_project_key: and job_user:
    job_project:openai_requests_total:sum
- Every minute, with all labels: job_project_key_user_model:openai_tokens_total:max, which has \`direction\`, too, and
    job_project_key_user_model:openai_requests_total:max
- Every 4 minutes, with all labels, for curves of weeks (a min step of 4m and $__rate_interval):
    job_project_key_user_model:openai_{tokens,completions_tokens,requests,cached_tokens,special_tokens,units}_total:max4m
Amounts of an hour: job_project:openai_tokens:increase1h, and :usual1h, the same hour of the last three weeks;
  job_project_model:openai_completions_input_tokens:increase1h, job_project_model:openai_cached_share:ratio1h
Money: job:openai_costs_{today,settled_day,month_to_date,previous_month,month_forecast}_amount:sum, likewise
  job_project:; what is ended by :ratio has project_name, too, ready for an alert.`;

/** A span in which a series that was recorded is known: an hour without evaluations, and an hour more. */
const memory = '2h';

const loaded = 'job:openai_recording_rules:info';

/**
 * Who was scraped when the evaluation of the counters began. A scrape that comes or fails between two rules of an
 * evaluation would leave a sum with a part of its series: far too low, and then a reset that counts the month again.
 */
const scraped = 'job:openai_scraped:info';

/** Selects the newest samples of who was scraped, whatever has come or gone since; a sample counts for 5 minutes, as elsewhere. */
const whole = (series: string) => `(last_over_time(${series}[5m]) and on (${within()}) ${scraped})`;

/**
 * Records a counter once for all replicas. Where it was recorded before, it is what the counter says. Where not, and
 * the rules were at work, it begins with the least of the last two hours: the 0 with which a new series begins, which
 * evaluations can miss that are minutes apart or late. So its first usage is a rise.
 */
function counter(record: string, source: string, dimensions: readonly string[], labels: Rule['labels'] = {}): Rule {
  return counterOfNow(record, source, source, dimensions, labels);
}

/** The same of a counter that is summed in the same evaluation. */
function summedCounter(record: string, source: string, dimensions: readonly string[], labels: Rule['labels']): Rule {
  return counterOfNow(record, source, whole(source), dimensions, labels);
}

function counterOfNow(
  record: string,
  source: string,
  now: string,
  dimensions: readonly string[],
  labels: Rule['labels'] = {},
): Rule {
  const group = within(...dimensions);
  const matchers = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const own = matchers.length === 0 ? record : `${record}{${matchers.join(', ')}}`;
  return {
    record,
    expr: `(
  max by (${group}) (${now})
  and on (${group})
  last_over_time(${own}[${memory}])
)
or
(
  min by (${group}) (min_over_time(${source}[${memory}]))
  and on (${group})
  ${now}
  and on (${within()})
  present_over_time(${loaded}[${memory}] offset 5m)
)
or
max by (${group}) (${now})`,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
}

/**
 * Sums recorded counters to fewer labels. All counters of an api begin a new period together, so the sum does, too. A
 * sum that is a little lower than before (another replica is a minute behind, or does not hold back what OpenAI has
 * lowered) stays as it was: to Prometheus a fall is a reset, and the whole month would count again.
 */
function sum(record: string, source: string, labels: readonly string[]): Rule {
  const now = `sum by (${within('api', ...labels)}) (${whole(source)})`;
  const before = `last_over_time(${record}[${memory}])`;
  return {
    record,
    expr: `${now} < 0.5 * ${before}
or
${now} > ${before}
or
(
  ${before}
  and
  ${now}
)
or
${now}`,
  };
}

const every = 'job_project_key_user_model:openai';
const counterOf = ({ api }: Endpoint, field: string) => `openai_${api}_${field}_total`;
const usage = endpoints.filter((endpoint) => endpoint.kind === 'usage');
const having = (field: string) => usage.filter(({ fields }) => fields.some(({ name }) => name === field));
const endpointNamed = (api: string) => {
  const found = usage.find((endpoint) => endpoint.api === api);
  if (found === undefined) throw new Error(`no api ${api} in the catalogue`);
  return found;
};

/** Apis that count tokens, with the directions that they count. */
const tokens = (['input', 'output'] as const).flatMap((direction) =>
  having(`${direction}_tokens`).map((endpoint) => ({ endpoint, direction, field: `${direction}_tokens` })),
);

/** Apis whose main unit is a request to a model; calls of a tool are units of their own. */
const requests = having('num_model_requests').filter(({ fields }) =>
  fields.every(({ name }) => name !== 'num_requests'),
);

/** The fields that an api counts besides tokens and requests to a model. */
const units = usage.flatMap((endpoint) => {
  const field = endpoint.fields.find(
    ({ name, kind, required }) => kind === 'flow' && required && !/tokens|num_model_requests/.test(name),
  );
  return field === undefined ? [] : [{ endpoint, field: field.name }];
});

/** Kinds of tokens that not everybody has; each is a part of input or output. */
const special = {
  'audio input': 'input_audio_tokens',
  'audio output': 'output_audio_tokens',
  'image input': 'input_image_tokens',
  'image output': 'output_image_tokens',
  'cache writes': 'input_cache_write_tokens',
} as const;

const allLabels = (list: readonly Endpoint[]) => [...new Set(list.flatMap(({ dimensions }) => dimensions))];

/** One series for each id with its name: of a name that replicas tell differently one, and of one that is gone the last. */
function names(level: string, id: string, name: string, metric: string): readonly Rule[] {
  const seen = `${level}:openai_${name}:last_seen`;
  const current = `topk by (${within(id)}) (1, count by (${within(id, name)}) (${metric}))`;
  return [
    {
      record: seen,
      expr: `time() * group by (${within(id, name)}) (${current})
or
(
  topk by (${within(id)}) (1, last_over_time(${seen}[${memory}])) > time() - 100 * 86400
  unless on (${within(id)})
  ${metric}
)`,
    },
    {
      record: `${level}:openai_${name}:info`,
      expr: `group by (${within(id, name)}) (topk by (${within(id)}) (1, ${seen}))
or
group by (${within()}) (openai_exporter_build_info)`,
    },
  ];
}

const namesGroup: Group = {
  name: 'openai_names',
  interval: '1m',
  rules: [
    {
      record: loaded,
      expr: `group by (${within()}) (openai_exporter_build_info)`,
      why: 'Says that the rules are loaded, and for which organizations.',
    },
    ...names('job_project', 'project_id', 'project_name', 'openai_project_info'),
    ...names('job_key', 'api_key_id', 'api_key_name', 'openai_api_key_info'),
    ...names('job_user', 'user_id', 'user_name', 'openai_user_info'),
    {
      record: 'job_project_model:openai_limit_model:info',
      expr: `group by (${within('project_id', 'model', 'limit_model')}) (
  topk by (${within('project_id', 'model')}) (1, count by (${within('project_id', 'model', 'limit_model')}) (openai_project_model_limit_info))
)`,
      why: 'The model whose rate limit holds for a model in use.',
    },
  ],
};

const counters: Group = {
  name: 'openai_counters',
  interval: '1m',
  rules: [
    {
      record: scraped,
      expr: `group by (${within()}) (openai_exporter_build_info)`,
      why: 'Who is scraped as this evaluation begins. All counters and sums of it are of those alone, and none of a part of them, though a scrape come or fail meanwhile.',
    },
    ...tokens.map(({ endpoint, direction, field }) =>
      summedCounter(`${every}_tokens_total:max`, counterOf(endpoint, field), endpoint.dimensions, {
        api: endpoint.api,
        direction,
      }),
    ),
    ...requests.map((endpoint) =>
      summedCounter(`${every}_requests_total:max`, counterOf(endpoint, 'num_model_requests'), endpoint.dimensions, {
        api: endpoint.api,
      }),
    ),
    sum(
      `${every}_completions_tokens_total:sum`,
      `${every}_tokens_total:max{api="completions"}`,
      endpointNamed('completions').dimensions,
    ),
    sum('job_project:openai_tokens_total:sum', `${every}_tokens_total:max`, ['project_id']),
    sum('job_model:openai_tokens_total:sum', `${every}_tokens_total:max`, ['model']),
    sum('job_project_key:openai_tokens_total:sum', `${every}_tokens_total:max`, ['project_id', 'api_key_id']),
    sum('job_user:openai_tokens_total:sum', `${every}_tokens_total:max`, ['user_id']),
    sum('job_project:openai_requests_total:sum', `${every}_requests_total:max`, ['project_id']),
  ],
};

const hourOf = (series: string, labels: readonly string[]) => `sum by (${within(...labels)}) (increase(${series}[1h]))`;

/** The mean of a recorded series at the same hour of the last three weeks, or of as many as are known. */
const usual = (series: string) => `avg without (week) (
  ${[1, 2, 3].map((week) => `label_replace(${series} offset ${week}w, "week", "${week}", "", "")`).join('\n  or\n  ')}
)`;

const completions = endpointNamed('completions');

const curves: Group = {
  name: 'openai_curves',
  interval: '4m',
  why: 'Over 30 days every 4 minutes is few enough samples.',
  rules: [
    counter(`${every}_tokens_total:max4m`, `${every}_tokens_total:max`, [
      'api',
      'direction',
      ...allLabels(tokens.map(({ endpoint }) => endpoint)),
    ]),
    counter(`${every}_completions_tokens_total:max4m`, `${every}_completions_tokens_total:sum`, [
      'api',
      ...completions.dimensions,
    ]),
    counter(`${every}_requests_total:max4m`, `${every}_requests_total:max`, ['api', ...allLabels(requests)]),
    ...having('input_cached_tokens').map((endpoint) =>
      counter(`${every}_cached_tokens_total:max4m`, counterOf(endpoint, 'input_cached_tokens'), endpoint.dimensions, {
        api: endpoint.api,
      }),
    ),
    ...Object.entries(special).flatMap(([kind, field]) =>
      having(field).map((endpoint) =>
        counter(`${every}_special_tokens_total:max4m`, counterOf(endpoint, field), endpoint.dimensions, {
          api: endpoint.api,
          kind,
        }),
      ),
    ),
    ...units.map(({ endpoint, field }) =>
      counter(`${every}_units_total:max4m`, counterOf(endpoint, field), endpoint.dimensions, { api: endpoint.api }),
    ),
    {
      record: 'job_project:openai_vector_stores_usage_bytes:max',
      expr: `max by (${within('project_id')}) (openai_usage_vector_stores_usage_bytes{bucket_width="1h", state="settled"})`,
    },
    {
      record: 'job_project_limit:openai_rate_limit_used:max5m',
      expr: 'max_over_time(job_project_limit:openai_rate_limit_used:ratio[5m])',
    },
  ],
};

const usageGroup: Group = {
  name: 'openai_usage',
  interval: '2m',
  rules: [
    {
      record: 'job_project:openai_tokens:increase1h',
      expr: hourOf('job_project:openai_tokens_total:sum', ['project_id']),
    },
    {
      record: 'job_project:openai_tokens:usual1h',
      expr: usual('job_project:openai_tokens:increase1h'),
      why: 'The same hour of the last three weeks, or of as many as are known.',
    },
    {
      record: 'job_project_model:openai_completions_input_tokens:increase1h',
      expr: hourOf(`${every}_tokens_total:max4m{api="completions", direction="input"}`, ['project_id', 'model']),
    },
    {
      record: 'job_project_model:openai_cached_share:ratio1h',
      expr: `${hourOf(`${every}_cached_tokens_total:max4m{api="completions"}`, ['project_id', 'model'])}
/
(job_project_model:openai_completions_input_tokens:increase1h > 0)`,
    },
  ],
};

const costs = endpoints.find(({ api }) => api === 'costs')?.dimensions ?? [];
/** The records of costs, each with the series that it is made of. */
const amounts = {
  today: 'openai_usage_costs_amount_value{bucket_width="1d", state="open"}',
  settled_day: 'openai_usage_costs_amount_value{bucket_width="1d", state="settled"}',
  month_to_date: 'openai_costs_month_to_date_amount_value',
  previous_month: 'openai_costs_previous_month_amount_value',
} as const;

const estimates = ['today', 'hour'] as const;

/** The hours of the running UTC day that are still to come, and six at least: what runs away does not stop at midnight. */
const hoursAhead = 'scalar(clamp_min(24 - hour() - minute() / 60, 6))';

const spendNow: Group = {
  name: 'openai_spend_now',
  // Grafana takes multiples of ten seconds alone.
  interval: '10s',
  why: 'Estimates of what is being spent, from usage, so that nobody waits hours for costs; and with live usage not even minutes.',
  rules: [
    ...estimates.flatMap((span) => {
      const record = `openai_spend_estimate_${span}_amount:sum`;
      const source = `openai_spend_estimate_${span}_amount`;
      return [
        {
          record: `job_project:${record}`,
          expr: `sum by (${within('currency', 'project_id')}) (max by (${within('currency', 'project_id', 'model')}) (${source}))`,
        },
        { record: `job:${record}`, expr: `sum by (${within('currency')}) (job_project:${record})` },
      ];
    }),
    {
      record: 'job:openai_spend_estimate_error:ratio',
      expr: `max by (${within('currency')}) (openai_spend_estimate_error_ratio)`,
    },
    {
      record: 'job_project:openai_spend_estimate_day_amount:sum',
      expr: `job_project:openai_spend_estimate_today_amount:sum
+
max by (${within('currency', 'project_id')}) (
  label_replace(job_project:openai_spend_estimate_hour_amount:sum, "of", "usage", "", "")
  or
  label_replace(
    6 * sum by (${within('currency', 'project_id')}) (increase(openai_project_spend_estimate_live_amount_total[10m])),
    "of", "live", "", ""
  )
)
* ${hoursAhead}`,
      why: 'What the UTC day will have cost, or the next six hours if these are longer, if it goes on as in the last hour; with live usage, as in the last 10 minutes if that is more.',
    },
    {
      record: 'job_project:openai_spend_estimate_usual_day_amount:avg',
      expr: usual('job_project:openai_spend_estimate_day_amount:sum'),
      why: 'The same at the same hour of the last three weeks, or of as many as are known.',
    },
  ],
};

/** 24 hours, or what is left of the month. */
const dayAhead = 'scalar(clamp_max((days_in_month() - day_of_month() + 1) * 24 - hour() - minute() / 60, 24))';

/** Estimates that were within a quarter of the costs on the newest settled day. */
export const trusted = '(abs(job:openai_spend_estimate_error:ratio) < 0.25)';

/** Forecast, budget and limit of the organization or of its projects. */
function pace(level: 'job' | 'job_project'): readonly Rule[] {
  const project = level === 'job_project' ? ['project_id'] : [];
  const spend = (name: string) => `${level}:openai_costs_${name}_amount:sum`;
  const scope = level === 'job' ? 'organization' : 'project';
  const budget = `${level}:openai_budget_amount:max`;
  const now = `${level}:openai_spend_estimate_month_amount:sum`;
  const daily = `${level}:openai_costs_daily_amount:avg7d`;
  const settled = spend('settled_day');
  const named = (ratio: string) =>
    level === 'job'
      ? ratio
      : `${ratio}
* on (${within('project_id')}) group_left (project_name)
job_project:openai_project_name:info`;
  return [
    {
      record: daily,
      expr: `(
  sum_over_time(${settled}[7d])
  / on (${within('currency')}) group_left ()
  count_over_time(job:openai_costs_settled_day_amount:sum[7d])
  -
  (max_over_time(${settled}[7d]) - quantile_over_time(0.8, ${settled}[7d])) / 7
)
and on (${within('currency')})
last_over_time(job:openai_costs_settled_day_amount:sum[2d] offset 6d)
or
(${spend('month_to_date')} - (${spend('today')} or 0 * ${spend('month_to_date')}))
/ on () group_left ()
(day_of_month() - 1 > 2)
or
${spend('previous_month')}
/ on () group_left ()
days_in_month(vector(time()) - day_of_month() * 86400)`,
      why: 'The pace: settled days of the last week, of which the dearest counts as the second dearest, so that one day does not carry the forecast. Where the rules do not know a week: the days of this month before today, and in its first three days those of the month before.',
    },
    {
      record: now,
      expr: `${spend('month_to_date')}
+
(
  clamp_min(
    ${level}:openai_spend_estimate_today_amount:sum - (${spend('today')} or 0 * ${spend('month_to_date')}), 0
  )
  and on (${within('currency')})
  ${trusted}
  or
  0 * ${spend('month_to_date')}
)`,
      why: 'Costs of the month as reported, and what usage says that is missing of today, where the estimate can be trusted.',
    },
    {
      record: spend('month_forecast'),
      expr: `${now}
+
(
  ${daily}
  or
  0 * ${now}
)
*
(
  scalar(days_in_month()) - scalar(day_of_month()) + 1 - scalar(hour()) / 24 - scalar(minute()) / 1440
)`,
    },
    {
      record: budget,
      expr: `max by (${within('currency', ...project)}) (openai_${scope}_budget_amount)`,
    },
    { record: `${level}:openai_budget_used:ratio`, expr: named(`${spend('month_to_date')} / (${budget} > 0)`) },
    {
      record: `${level}:openai_budget_day_ahead:ratio`,
      expr: named(`(
  ${now}
  +
  ${level}:openai_spend_estimate_hour_amount:sum * ${dayAhead}
  and on (${within('currency')})
  ${trusted}
)
/ (${budget} > 0)`),
      why: 'The part of the budget that is spent in 24 hours, or when the month ends, if it goes on as in the last hour.',
    },
    { record: `${level}:openai_budget_forecast:ratio`, expr: named(`${spend('month_forecast')} / (${budget} > 0)`) },
    {
      record: `${level}:openai_budget_ends:timestamp_seconds`,
      expr: `time()
+
86400
*
(${budget} - ${spend('month_to_date')} > 0)
/
(${daily} > 0)`,
    },
    {
      record: `${level}:openai_spend_limit_used:ratio`,
      expr: named(`${spend('month_to_date')}
/ on (${within('currency', ...project)}) group_right ()
(max by (${within('currency', ...project, 'enforcement')}) (openai_${scope}_spend_limit_amount) > 0)`),
    },
  ];
}

const money: Group = {
  name: 'openai_money',
  interval: '4m',
  why: 'OpenAI is asked for costs every 10 minutes.',
  rules: [
    ...Object.entries(amounts).map(([name, source]) => ({
      record: `job_project_key_line_item:openai_costs_${name}_amount:max`,
      expr: `max by (${within('currency', ...costs)}) (${source})`,
    })),
    ...Object.keys(amounts).flatMap((name) => [
      {
        record: `job_project:openai_costs_${name}_amount:sum`,
        expr: `sum by (${within('currency', 'project_id')}) (job_project_key_line_item:openai_costs_${name}_amount:max)`,
      },
      {
        record: `job:openai_costs_${name}_amount:sum`,
        expr: `sum by (${within('currency')}) (job_project:openai_costs_${name}_amount:sum)`,
      },
    ]),
    {
      record: 'job_line_item:openai_costs_unit_price:ratio',
      expr: `topk by (${within('line_item')}) (1, sum by (${within('currency', 'line_item')}) (job_project_key_line_item:openai_costs_settled_day_amount:max))
/ on (${within('line_item')}) group_right (currency)
(
  sum by (${within('line_item', 'quantity_unit')}) (
    max by (${within(...costs, 'quantity_unit')}) (openai_usage_costs_quantity{bucket_width="1d", state="settled"})
  ) > 0
)`,
      why: 'What one unit of a line item cost on the newest settled day.',
    },
    {
      record: 'job_project:openai_costs_today_usual_amount:avg',
      expr: usual('job_project:openai_costs_today_amount:sum'),
      why: 'Spend since midnight at the same hour of the last three weeks, or of as many as are known.',
    },
    ...pace('job'),
    ...pace('job_project'),
  ],
};

/** The newest settled minute of a field, by project and model. Batches have limits of their own. */
function minute(record: string, endpoint: Endpoint, field: string, labels: Rule['labels']): Rule {
  const noBatches = endpoint.dimensions.includes('batch') ? ', batch!="true"' : '';
  return {
    record,
    expr: `sum by (${within('project_id', 'model')}) (
  max by (${within(...endpoint.dimensions)}) (openai_usage_${endpoint.api}_${field}{bucket_width="1m", state="settled"${noBatches}})
)`,
    ...(labels === undefined ? {} : { labels }),
  };
}

/** The share of a limit that was used, by the model whose limit holds. */
function limitUsed(limit: 'tokens' | 'requests' | 'images'): Rule {
  return {
    record: 'job_project_limit:openai_rate_limit_used:ratio',
    expr: `sum by (${within('project_id', 'limit_model')}) (
  job_project_model:openai_minute_${limit}:sum
  * on (${within('project_id', 'model')}) group_left (limit_model) job_project_model:openai_limit_model:info
)
/ on (${within('project_id', 'limit_model')})
label_replace(
  max by (${within('project_id', 'model')}) (openai_project_rate_limit_max_${limit}_per_1_minute > 0),
  "limit_model", "$1", "model", "(.*)"
)
* on (${within('project_id')}) group_left (project_name)
job_project:openai_project_name:info`,
    labels: { limit },
  };
}

const rateLimits: Group = {
  name: 'openai_rate_limits',
  why: 'The newest settled minute. Batches have limits of their own.',
  rules: [
    ...tokens.map(({ endpoint, direction, field }) =>
      minute('job_project_model:openai_minute_tokens:sum', endpoint, field, { api: endpoint.api, direction }),
    ),
    ...requests.map((endpoint) =>
      minute('job_project_model:openai_minute_requests:sum', endpoint, 'num_model_requests', { api: endpoint.api }),
    ),
    minute('job_project_model:openai_minute_images:sum', endpointNamed('images'), 'images', { api: 'images' }),
    limitUsed('tokens'),
    limitUsed('requests'),
    limitUsed('images'),
  ],
};

/** The instant at which a model or key was first on show. The rule carries its own result on. */
function firstSeen(level: string, label: string): Rule {
  const record = `${level}:openai_first_seen:timestamp_seconds`;
  const used = requests.map((endpoint) => counterOf(endpoint, 'num_model_requests'));
  return {
    record,
    expr: `last_over_time(${record}[2d])
or
time()
*
group by (${within(label)}) (
  ${used.join('\n  or ')}
)`,
  };
}

const refused = 'job_instance_api_reason:openai_poll_failures:before';
const each = within('instance', 'api', 'reason');

const health: Group = {
  name: 'openai_health',
  rules: [
    { record: 'job_api:openai_up:max', expr: `max by (${within('api')}) (openai_up)` },
    {
      record: refused,
      expr: `max by (${each}) (
  openai_exporter_poll_failures_total{reason=~"auth|permission"}
  and on (${within('instance', 'api')})
  (
    openai_up == 1
    or
    increase(openai_exporter_poll_failures_total{reason!~"auth|permission"}[5m]) > 0
  )
)
or
(
  last_over_time(${refused}[1d])
  <= on (${each})
  max by (${each}) (openai_exporter_poll_failures_total)
)
or
0 * max by (${each}) (openai_exporter_poll_failures_total{reason=~"auth|permission"})`,
      why: 'How often the key had been refused when a poll last ended otherwise: what is above that was refused in a row. The rule carries its own result on, until the counter is below it: then the process is a new one.',
    },
    {
      record: 'job_api:openai_data_age_seconds:min',
      expr: `time()
-
max by (${within('api')}) (
  openai_exporter_data_through_timestamp_seconds{bucket_width="1m"}
  or
  openai_exporter_data_through_timestamp_seconds{api="costs", bucket_width="1d"}
)`,
      why: 'How old the end of the newest settled bucket is: minutes of usage, days of costs.',
    },
    {
      ...firstSeen('job_model', 'model'),
      why: "When a model or key was first on show. The rule carries its own result on: through scrapes that failed, restarts, the counters' new month, and 2 days without Prometheus. After longer all begin anew, and alerts wait for a month.",
    },
    firstSeen('job_key', 'api_key_id'),
  ],
};

/** Tokens that both the Usage API and live usage count. */
const liveTokens = tokens.map(({ endpoint, field }) => `${endpoint.api}_${field}`);
const settledHour = 'bucket_width="1h", state="settled"';
const liveHour = `{__name__=~"openai_live_(${liveTokens.join('|')})", ${settledHour}}`;
const usedOfHour = 'job_project:openai_live_tokens_used:settled_hour';
const reportedOfHour = 'job_project:openai_live_tokens_reported:settled_hour';

const live: Group = {
  name: 'openai_live',
  interval: '1m',
  why: 'What applications report themselves, against what OpenAI says of the same hour. A record is reported to one replica, so here replicas are added up.',
  rules: [
    {
      record: usedOfHour,
      expr: `sum by (${within('project_id')}) (
  max by (${within('__name__', ...allLabels(tokens.map(({ endpoint }) => endpoint)))}) ({__name__=~"openai_usage_(${liveTokens.join('|')})", ${settledHour}})
)
and on (${within()})
(sum by (${within()}) (${liveHour}) > 0)`,
      why: 'Only of organizations in which live usage was reported in that hour.',
    },
    {
      record: reportedOfHour,
      expr: `sum by (${within('project_id')}) (${liveHour})
and on (${within()})
${usedOfHour}`,
    },
    {
      record: 'job_project:openai_live_tokens_unreported:settled_hour',
      expr: `clamp_min(
  ${usedOfHour}
  - on (${within('project_id')})
  (
    ${reportedOfHour}
    or
    0 * ${usedOfHour}
  ),
  0
)`,
      why: 'A gateway that is gone past, or a key that has leaked.',
    },
    {
      record: 'job_project:openai_live_tokens:increase5m',
      expr: `sum by (${within('project_id')}) (
${liveTokens.map((name) => `  label_replace(increase(openai_live_${name}_total[5m]), "of", "${name}", "", "")`).join('\n  or\n')}
)`,
    },
    {
      record: 'job:openai_live_records:increase1h',
      expr: `sum by (${within()}) (increase(openai_exporter_live_records_total{outcome="counted"}[1h]))`,
    },
  ],
};

/** All groups, in the order in which they build on each other. */
export const recordingGroups: readonly Group[] = [
  namesGroup,
  counters,
  curves,
  usageGroup,
  live,
  spendNow,
  money,
  rateLimits,
  health,
];

/** The file of recording rules. */
export function recordingRules(): string {
  return ruleFile(header, recordingGroups);
}
