/** Shows how much room the rate limits leave, by project and model. */
import { type Board, organizations, variables } from '../board.ts';
import { columns, everyFourMinutes, lines, number, ranking } from '../panels.ts';
import { namedNow, of, once } from '../promql.ts';
import { rulesLoaded } from './rules-loaded.ts';

const matching = (metric: string, limit?: string) =>
  of(metric, ['project'], {
    limit_model: '=~"$model"',
    ...(limit === undefined ? {} : { limit: `="${limit}"` }),
  });

/** The share used in the newest settled minute. */
const used = matching('job_project_limit:openai_rate_limit_used:ratio');
/** The busiest of every five minutes, recorded every four. */
const peak = (limit?: string) => matching('job_project_limit:openai_rate_limit_used:max5m', limit);

function over(what: string, title: string) {
  return lines(
    {
      title,
      about: `Share of the ${what} a minute that were used in the busiest minute of each step, batches left out. The five largest at each instant.`,
      unit: 'percentunit',
      width: 8,
      thresholds: [0.8, 0.9],
    },
    [
      {
        expr: `topk(5, max_over_time(${peak(what)}[$__interval]))`,
        legend: '{{project_name}}, {{limit_model}}',
      },
    ],
    { step: everyFourMinutes, softMax: 1 },
  );
}

const limit = (field: string) =>
  `max by (project_name, model) (
${namedNow(once(of(`openai_project_rate_limit_${field}`, ['project'], { model: '=~"$model"' }), ['project_id', 'model']), 'project_id')}
)`;

export function limits(): Board {
  return {
    uid: 'openai-limits',
    title: 'OpenAI / Limits',
    about:
      'Rate limits of projects and models, and how much of them was used in the newest settled minute: about 15 minutes ago. A model is the one whose limit holds; its dated snapshots count to it.',
    from: 'now-6h',
    variables: [...organizations(), variables.project(), variables.limitModel()],
    rows: [
      {
        title: 'Headroom',
        panels: [
          rulesLoaded({ height: 8 }),
          number(
            {
              title: 'Least headroom',
              about: 'What the busiest project and model have left of a limit.',
              unit: 'percentunit',
              thresholds: [0.1, 0.05],
              height: 8,
            },
            `1 - max(${used})`,
          ),
          ranking(
            {
              title: 'Headroom now, by project and model',
              about: 'The ten with the least left; tokens, requests or images a minute, whichever is shorter.',
              unit: 'percentunit',
              decimals: 1,
              min: 0,
              max: 1,
              thresholds: [0.1, 0.05],
            },
            {
              expr: `bottomk(10, 1 - max by (project_name, limit_model) (${used}))`,
              legend: '{{project_name}}, {{limit_model}}',
            },
          ),
          ranking(
            {
              title: 'Largest share used in the time shown',
              about: 'The busiest minute of each project and model; the ten largest.',
              unit: 'percentunit',
              decimals: 1,
              min: 0,
              max: 1,
              thresholds: [0.8, 0.9],
            },
            {
              expr: `topk(10, max by (project_name, limit_model) (max_over_time(${peak()}[$__range])))`,
              legend: '{{project_name}}, {{limit_model}}',
            },
          ),
        ],
      },
      {
        title: 'Over time',
        panels: [
          over('tokens', 'Tokens a minute, of the limit'),
          over('requests', 'Requests a minute, of the limit'),
          over('images', 'Images a minute, of the limit'),
          columns(
            {
              title: 'The limits',
              about: 'As OpenAI has them, of models in use. Infinite where there is none.',
              unit: 'short',
              width: 24,
            },
            { project_name: 'Project', model: 'Model' },
            [
              { heading: 'Tokens a minute', expr: limit('max_tokens_per_1_minute') },
              { heading: 'Requests a minute', expr: limit('max_requests_per_1_minute') },
              { heading: 'Requests a day', expr: limit('max_requests_per_1_day') },
              { heading: 'Images a minute', expr: limit('max_images_per_1_minute') },
            ],
            { by: 'Project' },
          ),
        ],
      },
    ],
  };
}
