/** Shows what applications and gateways report this minute, and how much of what OpenAI says was reported at all. */
import { type Board, organizations, variables } from '../board.ts';
import { columns, everyMinute, lines, number, ranking } from '../panels.ts';
import {
  happened,
  liveInRange,
  livePerMinute,
  type Narrowing,
  named,
  namedNow,
  of,
  orWithout,
  risen,
  settledHourTokens,
} from '../promql.ts';
import { rulesLoaded } from './rules-loaded.ts';

const records = `increase(${of('openai_exporter_live_records_total')}[$__rate_interval])`;
export const noLive = { from: -1, text: 'no live usage' } as const;

/** 0 to 1, or how many times as much; -1 where nothing is reported. */
export const shareReported = orWithout(
  `sum(${settledHourTokens('reported', [])}) / (sum(${settledHourTokens('used', [])}) > 0)`,
  records,
);
/** Tokens a minute in the last minutes; -1 where nothing is reported. */
export const tokensNow = (narrowed: readonly Narrowing[]): string => orWithout(livePerMinute([], narrowed), records);

/** What this board is narrowed by. */
const narrowed = ['project', 'model'] as const;

const recorded = (name: string) => of(`job_project:openai_live_tokens_${name}:settled_hour`, ['project']);

const over = (by: string, title: string, about: string) =>
  lines(
    { title, about, unit: 'short', none: noLive.text },
    [{ expr: `topk(10, ${livePerMinute([by], narrowed)})`, legend: `{{${by}}}` }],
    { step: everyMinute, stacked: true },
  );

export function live(): Board {
  return {
    uid: 'openai-live',
    title: 'OpenAI / Live',
    about:
      'What applications and gateways report of each response (--live), seconds after it, beside what OpenAI says of the same hours. The two are never added.',
    from: 'now-1h',
    variables: [...organizations(), variables.project(), variables.liveModel(), variables.liveLabel()],
    rows: [
      {
        title: 'Now',
        panels: [
          number(
            {
              title: 'Tokens a minute',
              about: 'Input and output, as reported within the last 4 minutes.',
              unit: 'short',
              none: noLive.text,
              words: [noLive],
              width: 5,
            },
            tokensNow(narrowed),
          ),
          number(
            {
              title: 'Records a minute',
              about: 'Responses that counted within the last 4 minutes.',
              unit: 'short',
              none: noLive.text,
              words: [noLive],
              width: 5,
            },
            orWithout(
              `60 * sum(rate(${of('openai_exporter_live_records_total', [], { outcome: '="counted"' })}[$__rate_interval]))`,
              records,
            ),
          ),
          number(
            {
              title: 'Reported of the newest hour',
              about:
                'The tokens of the newest settled hour that applications reported, as a share of those that OpenAI says were used. The rest went past the gateways, or a key has leaked.',
              unit: 'percentunit',
              decimals: 1,
              none: noLive.text,
              words: [noLive],
              thresholds: [0.95, 0.9],
              width: 5,
            },
            shareReported,
          ),
          rulesLoaded({ width: 9 }),
          over('model', 'Tokens a minute, by model', 'A rate of what was reported. The ten largest.'),
          over(
            'project_name',
            'Tokens a minute, by project',
            'A rate of what was reported. The ten largest. Needs the recording rules.',
          ),
          over(
            '$label',
            'Tokens a minute, by $label',
            'By the label that is chosen above; --live.labels brings labels of your own, such as team or app.',
          ),
          ranking(
            {
              title: 'Reported in the time shown, by $label',
              about: 'Tokens, the ten largest.',
              unit: 'short',
              none: noLive.text,
              width: 12,
            },
            { expr: `topk(10, ${risen(liveInRange(['$label'], narrowed))})`, legend: '{{$label}}' },
          ),
        ],
      },
      {
        title: 'Reported by nobody',
        panels: [
          columns(
            {
              title: 'The newest settled hour, by project',
              about:
                'Tokens that OpenAI says were used, and those that applications reported. Where a project is not told in a record, its usage is reported under "none".',
              unit: 'short',
              width: 12,
            },
            { project_name: 'Project' },
            [
              {
                heading: 'Used',
                expr: `sum by (project_name) (\n${namedNow(settledHourTokens('used', ['project_id']), 'project_id')}\n)`,
              },
              {
                heading: 'Reported',
                expr: `sum by (project_name) (\n${namedNow(settledHourTokens('reported', ['project_id']), 'project_id')}\n)`,
              },
            ],
            { by: 'Used', descending: true },
          ),
          lines(
            {
              title: 'Unreported tokens of the newest settled hour, by project',
              about: 'Each point is a whole hour that had settled then. Needs the recording rules.',
              unit: 'short',
              none: noLive.text,
            },
            [
              {
                expr: `topk(10, sum by (project_name) (\n${named(recorded('unreported'), 'project_id')}\n))`,
                legend: '{{project_name}}',
              },
            ],
            { step: everyMinute },
          ),
        ],
      },
      {
        title: 'Records',
        panels: [
          lines(
            {
              title: 'Records a minute, by form and outcome',
              about:
                'Duplicates, skipped and refused ones do not count. The answer to whoever sent a refused one says why.',
              unit: 'short',
              width: 24,
            },
            [
              {
                expr: happened('openai_exporter_live_records_total', ['outcome', 'format'], 60, of),
                legend: '{{outcome}}, {{format}}',
              },
            ],
          ),
        ],
      },
    ],
  };
}
