/** The first board: what is spent and used now, whether that is usual, who it is, and whether the numbers can be believed. */
import { type Board, organizations, variables } from '../board.ts';
import { columns, everyFourMinutes, everyMinute, lines, money, number, ranking, wholeMoney } from '../panels.ts';
import {
  costLabels,
  currency,
  inRange,
  namedNow,
  of,
  once,
  orWithout,
  perMinute,
  raw,
  risen,
  summed,
} from '../promql.ts';
import { noLive, shareReported, tokensNow } from './live.ts';
import { rulesLoaded } from './rules-loaded.ts';
import { estimated } from './spend-now.ts';

const day = (state: string) =>
  once(
    of('openai_usage_costs_amount_value', [], { bucket_width: '="1d"', state: `="${state}"`, ...currency }),
    costLabels,
  );
const month = once(of('openai_costs_month_to_date_amount_value', [], currency), costLabels);
const budget = once(of('openai_organization_budget_amount', [], currency), ['currency']);
const recorded = (name: string) => of(`job:openai_costs_${name}:sum`, [], currency);

const notKnown = 'not yet known';
export const noBudget = { from: -1, text: 'no budget given' } as const;
/** The first instant after the running month, in milliseconds. */
export const monthEnds =
  '1000 * (time() - time() % 86400 + 86400 * (scalar(days_in_month()) - scalar(day_of_month()) + 1))';

/** The instant at which a budget is used up, in milliseconds: 0 if nothing is left, the end of time if it lasts. */
export function lasts(ends: string, left: string): string {
  const milliseconds = `1000 * min(${ends})`;
  return `(${milliseconds} < ${monthEnds})
or on ()
0 * (min(${left}) <= 0)
or on ()
9e15 * (min(${left}) > bool 0)`;
}

export const lastsWords = [
  noBudget,
  { from: 0, text: 'used up', color: 'red' },
  { from: 9e15, text: 'all month', color: 'green' },
] as const;

function now(what: 'tokens' | 'requests', title: string, kind: 'this month' | 'newest settled hour', about: string) {
  return number({ title, about, unit: 'short', none: notKnown, width: 5 }, `sum(${raw(what, kind, [])})`);
}

const notNow = (label: string, what: 'tokens' | 'requests') =>
  `topk(10, sum by (${label}) (${raw(what, 'this month', [label])}) > 0)`;

export function overview(): Board {
  return {
    uid: 'openai-overview',
    title: 'OpenAI / Overview',
    about:
      'Spend and usage of the organization now, against budget and the week before, and the health of the exporter. What is shown of now and of this month needs no recording rules.',
    from: 'now-24h',
    variables: [...organizations(), variables.currency()],
    rows: [
      {
        title: 'Money, in $currency',
        panels: [
          number(
            {
              title: 'Spend today',
              about: 'Since midnight UTC, as far as OpenAI has reported it: 10 minutes to some hours late.',
              ...money,
              none: notKnown,
            },
            `sum(${day('open')})`,
          ),
          number(
            {
              title: 'Spend today, by usage',
              about:
                'An estimate: usage since midnight UTC that has settled, at the prices of settled days. 15 minutes late; the Costs board says how good it is.',
              ...money,
              none: 'no prices yet',
            },
            `sum(${estimated('today')})`,
          ),
          number(
            {
              title: 'Month to date',
              about: 'All known days of this UTC month, today included.',
              ...wholeMoney,
              none: notKnown,
            },
            `sum(${month})`,
          ),
          number(
            {
              title: 'Forecast',
              width: 3,
              about:
                'Month to date, and the rest of the month at the pace of the settled days of the last week. Needs the recording rules.',
              ...wholeMoney,
              none: notKnown,
            },
            `sum(${recorded('month_forecast_amount')})`,
          ),
          number(
            {
              title: 'Budget used',
              width: 3,
              about: 'Month to date as a share of the budget given with --budget.monthly.',
              unit: 'percentunit',
              decimals: 1,
              none: notKnown,
              words: [noBudget],
              thresholds: [0.8, 1],
            },
            orWithout(`max(sum by (currency) (${month}) / sum by (currency) (${budget} > 0))`, budget),
          ),
          number(
            {
              title: 'Budget forecast',
              width: 3,
              about: 'What the month will have cost at this pace, as a share of the budget. Needs the recording rules.',
              unit: 'percentunit',
              decimals: 1,
              none: notKnown,
              words: [noBudget],
              thresholds: [0.9, 1],
            },
            orWithout(`max(${of('job:openai_budget_forecast:ratio', [], currency)})`, budget),
          ),
          number(
            {
              title: 'Budget lasts',
              width: 3,
              about:
                "Until when, at this week's pace; all month if it is not used up before the month ends. Needs the recording rules.",
              unit: 'dateTimeFromNow',
              none: notKnown,
              words: lastsWords,
            },
            orWithout(
              lasts(
                of('job:openai_budget_ends:timestamp_seconds', [], currency),
                `${of('job:openai_budget_amount:max', [], currency)} - ${recorded('month_to_date_amount')}`,
              ),
              budget,
            ),
          ),
        ],
      },
      {
        title: 'Now',
        panels: [
          now(
            'tokens',
            'Tokens of an hour',
            'newest settled hour',
            'Input and output in the newest settled hour, as OpenAI reports it: it ended 15 to 75 minutes ago.',
          ),
          now('requests', 'Requests of an hour', 'newest settled hour', 'To models, in the newest settled hour.'),
          now(
            'tokens',
            'Tokens this month',
            'this month',
            'Input and output since the counters began: with the month, or as --counters.anchor says.',
          ),
          now('requests', 'Requests this month', 'this month', 'To models, since the counters began.'),
          rulesLoaded(),
          lines(
            {
              title: 'Tokens per minute, against a week ago',
              about: 'A rate of the exact counters, input and output of all apis: about 15 minutes late.',
              unit: 'short',
            },
            [
              { expr: perMinute(of('job_project:openai_tokens_total:sum'), []), legend: 'now' },
              {
                expr: `60 * sum(rate(${of('job_project:openai_tokens_total:sum')}[$__rate_interval] offset 1w))`,
                legend: 'a week ago',
                past: true,
              },
            ],
            { step: everyMinute },
          ),
          lines(
            {
              title: 'Requests per minute, against a week ago',
              about: 'A rate of the exact counters, of requests to models: about 15 minutes late.',
              unit: 'short',
            },
            [
              { expr: perMinute(of('job_project:openai_requests_total:sum'), []), legend: 'now' },
              {
                expr: `60 * sum(rate(${of('job_project:openai_requests_total:sum')}[$__rate_interval] offset 1w))`,
                legend: 'a week ago',
                past: true,
              },
            ],
            { step: everyMinute },
          ),
          lines(
            {
              title: 'Spend since midnight, by project',
              about: 'Grows through the UTC day, in lumps as OpenAI reports it, and begins anew at midnight.',
              ...money,
              width: 24,
            },
            [
              {
                expr: summed(of('job_project:openai_costs_today_amount:sum', [], currency), ['project_name']),
                legend: '{{project_name}}',
              },
            ],
            { step: everyFourMinutes, stacked: true },
          ),
        ],
      },
      {
        title: 'Live, as applications report it',
        panels: [
          number(
            {
              title: 'Tokens a minute just now',
              about: 'Input and output that applications and gateways reported within the last 4 minutes (--live).',
              unit: 'short',
              none: noLive.text,
              words: [noLive],
              width: 12,
            },
            tokensNow([]),
          ),
          number(
            {
              title: 'Reported of the newest hour',
              about:
                'The tokens of the newest settled hour that applications reported, as a share of those that OpenAI says were used. The Live board says which projects use the rest.',
              unit: 'percentunit',
              decimals: 1,
              none: noLive.text,
              words: [noLive],
              thresholds: [0.95, 0.9],
              width: 12,
            },
            shareReported,
          ),
        ],
      },
      {
        title: 'Who',
        panels: [
          ranking(
            {
              title: 'Top projects by spend',
              about: 'Month to date. "none" is usage without a project, "other" is what was too much to keep apart.',
              ...money,
            },
            {
              expr: `topk(10, sum by (project_name) (
${namedNow(`sum by (cluster, namespace, job, organization, project_id) (${month})`, 'project_id')}
))`,
              legend: '{{project_name}}',
            },
          ),
          ranking(
            {
              title: 'Top models by tokens this month',
              about: 'Input and output since the counters began.',
              unit: 'short',
              none: notKnown,
            },
            { expr: notNow('model', 'tokens'), legend: '{{model}}' },
          ),
          ranking(
            {
              title: 'Top keys by tokens this month',
              about:
                'Input and output since the counters began. "none" is usage without a key, as from the playground.',
              unit: 'short',
              none: notKnown,
            },
            {
              expr: `topk(10, sum by (api_key_name) (
${namedNow(raw('tokens', 'this month', ['api_key_id']), 'api_key_id')}
) > 0)`,
              legend: '{{api_key_name}}',
            },
          ),
          ranking(
            {
              title: 'Top projects by tokens',
              about: 'Input and output in the time shown: what the counters rose by.',
              unit: 'short',
            },
            {
              expr: `topk(10, ${risen(inRange(of('job_project:openai_tokens_total:sum'), ['project_name']))})`,
              legend: '{{project_name}}',
            },
          ),
          ranking(
            {
              title: 'Top models by tokens',
              about: 'Input and output in the time shown: what the counters rose by.',
              unit: 'short',
            },
            {
              expr: `topk(10, ${risen(inRange(of('job_model:openai_tokens_total:sum'), ['model']))})`,
              legend: '{{model}}',
            },
          ),
          ranking(
            {
              title: 'Top keys by tokens',
              about:
                'Input and output in the time shown: what the counters rose by. "none" is usage without a key, as from the playground.',
              unit: 'short',
            },
            {
              expr: `topk(10, ${risen(inRange(of('job_project_key:openai_tokens_total:sum'), ['api_key_name', 'project_name']))})`,
              legend: '{{api_key_name}} ({{project_name}})',
            },
          ),
        ],
      },
      {
        title: 'Can it be believed?',
        panels: [
          number(
            {
              title: 'Exporters up',
              about: 'Exporters that Prometheus reaches. Several of one organization are replicas.',
              unit: 'short',
              width: 5,
              none: 'none',
              thresholds: [1, 0],
            },
            `count(${of('openai_exporter_build_info')})`,
          ),
          number(
            {
              title: 'Apis that fail',
              about: 'Apis whose last poll failed; the last good numbers stay on show.',
              unit: 'short',
              width: 5,
              thresholds: [1, 3],
            },
            `sum(${once(of('openai_up'), ['api'])} == bool 0)`,
          ),
          number(
            {
              title: 'Age of usage',
              about: 'Since the end of the newest settled minute, of the oldest api. 15 to 30 minutes are usual.',
              unit: 's',
              width: 5,
              thresholds: [2_700, 3_600],
            },
            `max(time() - ${once(of('openai_exporter_data_through_timestamp_seconds', [], { bucket_width: '="1m"' }), ['api'])})`,
          ),
          number(
            {
              title: 'API requests per minute',
              about: 'Requests that the exporter sends to OpenAI: a rate.',
              unit: 'short',
              decimals: 1,
              width: 5,
            },
            `60 * sum(rate(${of('openai_exporter_api_requests_total')}[$__rate_interval]))`,
          ),
          number(
            {
              title: 'Series',
              about: 'Series of usage and costs that the exporter shows, of one replica.',
              unit: 'short',
              width: 4,
            },
            `sum(${once(of('openai_exporter_series'), [])})`,
          ),
          columns(
            {
              title: 'Alerts firing',
              about:
                'Of this exporter, by name; each has a runbook in docs/alerts.md. Known while the rules are loaded.',
              unit: 'short',
              width: 24,
              height: 6,
            },
            { alertname: 'Alert', severity: 'Severity' },
            [
              {
                heading: 'Firing',
                expr: `count by (alertname, severity) (${of('ALERTS', [], { alertstate: '="firing"', alertname: '=~"OpenAI.+"' })})
or on ()
label_replace(0 * count(${of('job:openai_recording_rules:info')}), "alertname", "none", "", "")`,
              },
            ],
          ),
        ],
      },
    ],
  };
}
