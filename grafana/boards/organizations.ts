/** Several organizations beside each other: what each spends and uses, and which of them needs a look. */
import { type Board, organizations as chosen, variables } from '../board.ts';
import { columns, everyFourMinutes, everyMinute, lines, money, number, wholeMoney } from '../panels.ts';
import { costLabels, currency, of, once, raw, summed } from '../promql.ts';
import { rulesLoaded } from './rules-loaded.ts';

/** The label of the organization, and its job where targets have no such label. */
const labels = { job: 'Job', organization: 'Organization' };
const each = Object.keys(labels);
const name = '{{organization}} ({{job}})';
const by = (expr: string, how = 'sum') => `${how} by (${each.join(', ')}) (${expr})`;

const month = once(of('openai_costs_month_to_date_amount_value', [], currency), costLabels);
const today = once(
  of('openai_usage_costs_amount_value', [], { bucket_width: '="1d"', state: '="open"', ...currency }),
  costLabels,
);
const recorded = (metric: string) => of(`job:openai_${metric}`, [], currency);
const up = once(of('openai_up'), ['api']);
const down = 'this one is down';

export function organizations(): Board {
  return {
    uid: 'openai-organizations',
    title: 'OpenAI / Organizations',
    about:
      'Several organizations beside each other. One is told from another by its job, and by the label organization where targets have it, as those of --organizations.file do.',
    from: 'now-24h',
    variables: [...chosen(), variables.currency()],
    rows: [
      {
        title: 'All of them',
        panels: [
          number(
            { title: 'Organizations', about: 'Those of which anything has been read.', unit: 'short', none: 'none' },
            `count(${by(up, 'max')})`,
          ),
          number(
            {
              title: 'Organizations with a failing api',
              about: 'Those of which the last poll of at least one api, or list, failed.',
              unit: 'short',
              thresholds: [1, 3],
              width: 5,
            },
            `count(${by(up, 'min')} == 0) or on () 0 * count(${by(up, 'min')})`,
          ),
          number(
            {
              title: 'Organizations that are down',
              about: 'Those of --organizations.file whose thread does not run, or none of whose apis answers.',
              unit: 'short',
              thresholds: [1, 1],
              none: 'no such file',
              width: 5,
            },
            // The process says so, whose job is another one than the organizations'.
            `count(max by (organization) (${of('openai_exporter_organization_up')}) == 0) or on () 0 * count(${of('openai_exporter_organization_up')})`,
          ),
          number(
            {
              title: 'Month to date',
              about: 'Of all that are chosen, in $currency.',
              ...wholeMoney,
              none: 'not yet known',
            },
            `sum(${month})`,
          ),
          rulesLoaded({ width: 6 }),
        ],
      },
      {
        title: 'Each',
        panels: [
          columns(
            {
              title: 'Spend of each, in $currency',
              about:
                'Today and this month so far, what the month will be at the pace of the last week, and how much of the budget is used. Forecast and budget need the recording rules.',
              ...money,
              width: 13,
              height: 12,
            },
            labels,
            [
              { heading: 'Today', expr: by(today) },
              { heading: 'Month to date', expr: by(month) },
              { heading: 'Forecast', expr: by(recorded('costs_month_forecast_amount:sum')) },
              { heading: 'Budget used', unit: 'percentunit', expr: by(recorded('budget_used:ratio'), 'max') },
            ],
            { by: 'Month to date', descending: true },
          ),
          columns(
            {
              title: 'Health of each',
              about: `Apis and lists whose last poll failed, the age of the oldest usage, and whether all is well: "${down}" where no api answers.`,
              unit: 'short',
              width: 11,
              height: 12,
            },
            labels,
            [
              {
                heading: 'Health',
                words: [
                  { from: 0, text: down, color: 'red' },
                  { from: 1, text: 'up', color: 'green' },
                ],
                expr: by(up, 'max'),
              },
              { heading: 'Failing', expr: by(`${up} == bool 0`) },
              {
                heading: 'Age of usage',
                unit: 's',
                expr: by(
                  `time() - ${once(of('openai_exporter_data_through_timestamp_seconds', [], { bucket_width: '="1m"' }), ['api'])}`,
                  'max',
                ),
              },
            ],
            { by: 'Failing', descending: true },
          ),
          columns(
            {
              title: 'Usage of each',
              about:
                'Tokens, input and output, and requests to models: of the newest settled hour, and since the counters began.',
              unit: 'short',
              width: 24,
              height: 9,
            },
            labels,
            [
              { heading: 'Tokens of an hour', expr: by(raw('tokens', 'newest settled hour', [])) },
              { heading: 'Requests of an hour', expr: by(raw('requests', 'newest settled hour', [])) },
              { heading: 'Tokens this month', expr: by(raw('tokens', 'this month', [])) },
              { heading: 'Requests this month', expr: by(raw('requests', 'this month', [])) },
            ],
            { by: 'Tokens this month', descending: true },
          ),
        ],
      },
      {
        title: 'Over time',
        panels: [
          lines(
            {
              title: 'Tokens per minute of each',
              about:
                'A rate of the exact counters, input and output of all apis: about 15 minutes late. The ten largest.',
              unit: 'short',
            },
            [
              {
                expr: `topk(10, ${summed(`rate(${of('job_project:openai_tokens_total:sum')}[$__rate_interval])`, each, '60 * ')})`,
                legend: name,
              },
            ],
            { step: everyMinute },
          ),
          lines(
            {
              title: 'Spend since midnight of each, in $currency',
              about: 'Grows through the UTC day, in lumps as OpenAI reports it. The ten largest.',
              ...money,
            },
            [{ expr: `topk(10, ${by(recorded('costs_today_amount:sum'))})`, legend: name }],
            { step: everyFourMinutes },
          ),
        ],
      },
    ],
  };
}
