/** Every endpoint, narrowed down by project, key, user, model, service tier and batch. */
import { endpoints } from '../../src/openai/catalogue.ts';
import { type Board, organizations, variables } from '../board.ts';
import { everyFourMinutes, everyTenMinutes, lines, number, type Panel } from '../panels.ts';
import { type Narrowing, of, orNone, perMinute, summed } from '../promql.ts';
import { rulesLoaded } from './rules-loaded.ts';

const level = 'job_project_key_user_model';
const all: readonly Narrowing[] = ['project', 'key', 'user', 'model', 'tier', 'batch'];
const identity: readonly Narrowing[] = ['project', 'key', 'user'];

const tokens = (more: Readonly<Record<string, string>>) => of(`${level}:openai_tokens_total:max4m`, all, more);
/** The apis that tell which input came from the cache. */
const cached = endpoints
  .filter(({ fields }) => fields.some(({ name }) => name === 'input_cached_tokens'))
  .map(({ api }) => api);
/** Input and output. */
const completions = of(`${level}:openai_completions_tokens_total:max4m`, all);

function by(title: string, label: string, about: string): Panel {
  return lines({ title, about, unit: 'short' }, [{ expr: perMinute(completions, [label]), legend: `{{${label}}}` }], {
    step: everyFourMinutes,
    stacked: true,
  });
}

interface Endpoint {
  readonly title: string;
  readonly about: string;
  readonly api: string;
  readonly label: string;
  readonly narrowing: readonly Narrowing[];
  readonly unit?: string;
}

/** The units that an endpoint counts besides tokens and requests; a line at 0 for whoever does not use it. */
function units({ title, about, api, label, narrowing, unit = 'short' }: Endpoint): Panel {
  const selector = of(`${level}:openai_units_total:max4m`, narrowing, { api: `="${api}"` });
  return lines(
    { title, about: `${about} A line at 0 where there is no usage.`, unit, width: 8 },
    [{ expr: orNone(perMinute(selector, [label]), api, label), legend: `{{${label}}}` }],
    { step: everyFourMinutes, stacked: true },
  );
}

export function usage(): Board {
  return {
    uid: 'openai-usage',
    title: 'OpenAI / Usage',
    about:
      'Usage of every endpoint per minute: rates of the exact counters, about 15 minutes late. Needs the recording rules.',
    from: 'now-24h',
    variables: [
      ...organizations(),
      variables.project(),
      variables.key(),
      variables.user(),
      variables.model(),
      variables.tier(),
      variables.batch(),
    ],
    rows: [
      {
        title: 'All endpoints',
        panels: [
          rulesLoaded({ height: 8 }),
          lines(
            {
              title: 'Tokens per minute, by direction',
              about: 'Of all apis that count tokens. Cached input is a part of input.',
              unit: 'short',
              width: 10,
            },
            [
              // Two queries, each of half the series: over 30 days one would take too long.
              { expr: perMinute(tokens({ direction: '="input"' }), []), legend: 'input' },
              { expr: perMinute(tokens({ direction: '="output"' }), []), legend: 'output' },
              {
                expr: perMinute(of(`${level}:openai_cached_tokens_total:max4m`, all), []),
                legend: 'cached input',
              },
            ],
            { step: everyFourMinutes },
          ),
          lines(
            {
              title: 'Requests per minute, by api',
              about: 'Requests to models, by all apis that count them.',
              unit: 'short',
              width: 10,
            },
            [{ expr: perMinute(of(`${level}:openai_requests_total:max4m`, all), ['api']), legend: '{{api}}' }],
            { step: everyFourMinutes, stacked: true },
          ),
        ],
      },
      {
        title: 'Completions: tokens per minute',
        panels: [
          by('By project', 'project_name', 'Input and output tokens of completions.'),
          by('By model', 'model', 'Input and output tokens of completions.'),
          lines(
            {
              title: 'By key, the ten largest',
              about: 'Input and output tokens of completions; the ten largest at each instant.',
              unit: 'short',
            },
            [{ expr: `topk(10, ${perMinute(completions, ['api_key_name'])})`, legend: '{{api_key_name}}' }],
            { step: everyFourMinutes },
          ),
          lines(
            {
              title: 'By user, the ten largest',
              about:
                'Input and output tokens of completions by user or service account; the ten largest at each instant.',
              unit: 'short',
            },
            [{ expr: `topk(10, ${perMinute(completions, ['user_name'])})`, legend: '{{user_name}}' }],
            { step: everyFourMinutes },
          ),
          by('By service tier', 'service_tier', 'Input and output tokens of completions.'),
          by('Batch or not', 'batch', 'Input and output tokens of completions; true is the Batch API.'),
          lines(
            {
              title: 'Cached share of input, by model',
              about:
                'The share of the input tokens of completions and decisions that came from the cache, over 40 minutes or more. Models whose usage does not say are left out.',
              unit: 'percentunit',
            },
            [
              {
                expr: `${perMinute(of(`${level}:openai_cached_tokens_total:max4m`, all), ['model'])}
/
(${perMinute(tokens({ api: `=~"${cached.join('|')}"`, direction: '="input"' }), ['model'])} > 0)`,
                legend: '{{model}}',
              },
            ],
            { step: everyTenMinutes, softMax: 1 },
          ),
          lines(
            {
              title: 'Audio, images and cache writes',
              about: 'Tokens of special kinds per minute; each is a part of input or output. A line at 0 without any.',
              unit: 'short',
            },
            [
              {
                expr: orNone(
                  perMinute(of(`${level}:openai_special_tokens_total:max4m`, all), ['kind']),
                  'completions',
                  'kind',
                ),
                legend: '{{kind}}',
              },
            ],
            { step: everyFourMinutes },
          ),
        ],
      },
      {
        title: 'Embeddings and moderations',
        panels: [
          lines(
            {
              title: 'Embeddings: tokens per minute, by model',
              about: 'Input tokens. A line at 0 where there is no usage.',
              unit: 'short',
            },
            [
              {
                expr: orNone(
                  perMinute(
                    of(`${level}:openai_tokens_total:max4m`, [...identity, 'model'], { api: '="embeddings"' }),
                    ['model'],
                  ),
                  'embeddings',
                  'model',
                ),
                legend: '{{model}}',
              },
            ],
            { step: everyFourMinutes, stacked: true },
          ),
          lines(
            {
              title: 'Moderations: tokens per minute, by project',
              about: 'Input tokens. A line at 0 where there is no usage.',
              unit: 'short',
            },
            [
              {
                expr: orNone(
                  perMinute(
                    of(`${level}:openai_tokens_total:max4m`, [...identity, 'model'], { api: '="moderations"' }),
                    ['project_name'],
                  ),
                  'moderations',
                  'project_name',
                ),
                legend: '{{project_name}}',
              },
            ],
            { step: everyFourMinutes, stacked: true },
          ),
        ],
      },
      {
        title: 'Images, audio, searches, sessions, storage',
        panels: [
          units({
            title: 'Images per minute, by model',
            about: 'Images made, edited or varied.',
            api: 'images',
            label: 'model',
            narrowing: [...identity, 'model'],
          }),
          units({
            title: 'Speech: characters per minute, by model',
            about: 'Characters read aloud.',
            api: 'audio_speeches',
            label: 'model',
            narrowing: [...identity, 'model'],
          }),
          units({
            title: 'Transcriptions: seconds of audio per minute, by model',
            about: 'Audio written down.',
            api: 'audio_transcriptions',
            label: 'model',
            narrowing: [...identity, 'model'],
          }),
          units({
            title: 'File searches per minute, by project',
            about: 'Calls of file search; they have no model.',
            api: 'file_search_calls',
            label: 'project_name',
            narrowing: identity,
          }),
          units({
            title: 'Web searches per minute, by project',
            about: 'Calls of web search.',
            api: 'web_search_calls',
            label: 'project_name',
            narrowing: [...identity, 'model'],
          }),
          units({
            title: 'Code interpreter: sessions per minute, by project',
            about: 'Sessions begun; known by project alone.',
            api: 'code_interpreter_sessions',
            label: 'project_name',
            narrowing: ['project'],
          }),
          lines(
            {
              title: 'Vector stores, by project',
              about: 'Bytes stored in the newest settled hour: a level. A line at 0 without any.',
              unit: 'bytes',
              width: 18,
            },
            [
              {
                expr: orNone(
                  summed(of('job_project:openai_vector_stores_usage_bytes:max', ['project']), ['project_name']),
                  'vector_stores',
                  'project_name',
                ),
                legend: '{{project_name}}',
              },
            ],
            { step: everyFourMinutes },
          ),
          number(
            {
              title: 'Stored now',
              about: 'Bytes in vector stores in the newest settled hour.',
              unit: 'bytes',
              width: 6,
              height: 8,
            },
            `sum(${of('job_project:openai_vector_stores_usage_bytes:max', ['project'])})`,
          ),
        ],
      },
    ],
  };
}
