/** The exporter itself, by instance: whether its numbers can be believed, and what it costs to run. */
import { endpoints, listApis } from '../../src/openai/catalogue.ts';
import { type Board, organizations, variables } from '../board.ts';
import { columns, lines, number, type Query } from '../panels.ts';
import { happened, type Matchers, own } from '../promql.ts';

/** Keeps the processes that are exporters: every program has the same metrics of its process. */
const ofExporters = (expr: string) =>
  `${expr} and on (job, namespace, organization, instance) ${own('openai_exporter_build_info')}`;

const rate = (metric: string) => `rate(${own(metric)}[$__rate_interval])`;

const usageApis = endpoints.filter(({ kind }) => kind === 'usage').map(({ api }) => api);
const kinds = {
  usage: `=~"${usageApis.join('|')}"`,
  costs: '=~"costs|user_costs"',
  'names and limits': `=~"${listApis.join('|')}"`,
};

/** One curve for each kind of apis: more than twenty of them are in no legend. */
function byKind(expr: (matchers: Matchers) => string): readonly Query[] {
  return Object.entries(kinds).map(([kind, api]) => ({ expr: expr({ api }), legend: kind }));
}

export function exporter(): Board {
  return {
    uid: 'openai-exporter',
    title: 'OpenAI / Exporter',
    about: 'Delay, failures, requests and restatements of the exporter, by instance.',
    from: 'now-6h',
    variables: [...organizations(), variables.instance()],
    rows: [
      {
        title: 'Delay',
        panels: [
          lines(
            {
              title: 'Age of the newest settled minute',
              about: 'By api. 15 minutes are usual, up to 30 for an api without usage for a day. An alert fires at 60.',
              unit: 's',
              thresholds: [2_700, 3_600],
            },
            [
              {
                expr: `time() - min by (api) (${own('openai_exporter_data_through_timestamp_seconds', { bucket_width: '="1m"' })})`,
                legend: '{{api}}',
              },
            ],
          ),
          lines(
            {
              title: 'Since the last successful poll',
              about:
                'The longest of each kind; the table below has every api. A minute is usual for usage, 10 for costs, names, limits and an api without usage for a day.',
              unit: 's',
            },
            byKind((matchers) => `time() - min(${own('openai_exporter_last_success_timestamp_seconds', matchers)})`),
          ),
          columns(
            {
              title: 'Apis',
              about:
                'Whether the last poll succeeded, when one last did and how long the last one took, and how long ago there was usage; 0 is within the running bucket. What fails comes first.',
              unit: 'short',
              width: 14,
            },
            { api: 'Api', instance: 'Instance' },
            [
              { heading: 'Up', unit: 'bool_yes_no', expr: `max by (instance, api) (${own('openai_up')})` },
              {
                heading: 'Last success, ago',
                unit: 's',
                expr: `time() - max by (instance, api) (${own('openai_exporter_last_success_timestamp_seconds')})`,
              },
              {
                heading: 'Last poll took',
                unit: 's',
                expr: `max by (instance, api) (${own('openai_exporter_poll_duration_seconds')})`,
              },
              {
                heading: 'Last usage, ago',
                unit: 's',
                expr: `clamp_min(time() - max by (instance, api) (${own('openai_exporter_newest_activity_timestamp_seconds')}), 0)`,
              },
            ],
            { by: 'Up', widths: { Instance: 140, Up: 60, 'Last success, ago': 140, 'Last poll took': 120 } },
          ),
          columns(
            {
              title: 'Exporters',
              about: 'Version and revision of each, and for how long it has been running.',
              unit: 's',
              width: 10,
            },
            { instance: 'Instance', version: 'Version', revision: 'Revision' },
            [
              {
                heading: 'Running for',
                expr: `max by (instance, version, revision) (
  (time() - ${own('process_start_time_seconds')})
  * on (job, namespace, organization, instance) group_right ()
  ${own('openai_exporter_build_info')}
)`,
              },
            ],
          ),
        ],
      },
      {
        title: 'Failures and requests',
        panels: [
          lines(
            {
              title: 'Failed polls per minute, by reason',
              about:
                'auth: the key is refused. permission: it lacks a scope. The others are explained in docs/alerts.md. A line at 0: none failed.',
              unit: 'short',
            },
            [{ expr: happened('openai_exporter_poll_failures_total', ['reason'], 60), legend: '{{reason}}' }],
            { stacked: true, softMax: 1 },
          ),
          lines(
            {
              title: 'API requests per minute, by status',
              about: 'Each attempt counted; "none" is without a response.',
              unit: 'short',
            },
            [{ expr: `60 * sum by (code) (${rate('openai_exporter_api_requests_total')})`, legend: '{{code}}' }],
            { stacked: true },
          ),
          lines(
            {
              title: 'Duration of API requests, 95th percentile',
              about: 'Each attempt, its body included.',
              unit: 's',
            },
            byKind(
              (matchers) =>
                `histogram_quantile(0.95, sum by (le) (rate(${own('openai_exporter_api_request_duration_seconds_bucket', matchers)}[$__rate_interval])))`,
            ),
          ),
          lines(
            {
              title: 'Retries per minute',
              about: 'Requests to OpenAI that were tried again, by api. A line at 0: none was.',
              unit: 'short',
            },
            [{ expr: happened('openai_exporter_api_retries_total', ['api'], 60), legend: '{{api}}' }],
            { stacked: true, softMax: 1 },
          ),
        ],
      },
      {
        title: 'Exactness',
        panels: [
          lines(
            {
              title: 'Restatements per hour',
              about:
                'Values that OpenAI changed after their bucket had settled, by api and direction. A line at 0: none was.',
              unit: 'short',
            },
            [
              {
                expr: happened('openai_exporter_restatements_total', ['api', 'direction'], 3600),
                legend: '{{api}} {{direction}}',
              },
            ],
            { softMax: 1 },
          ),
          lines(
            {
              title: 'Held back',
              about:
                'How far counters stand above what OpenAI says now, because a counter must not fall. A line at 0: nothing is.',
              unit: 'short',
            },
            [
              {
                expr: `sum by (api, field) (${own('openai_exporter_held_back')})
or on ()
label_replace(0 * max(${own('openai_exporter_build_info')}), "api", "nothing", "", "")`,
                legend: '{{api}} {{field}}',
              },
            ],
            { softMax: 1 },
          ),
          lines(
            {
              title: 'Rows folded or refused per hour',
              about: 'Folded into "other" because an api has too many groups; refused because a value is none.',
              unit: 'short',
            },
            [
              { expr: `3600 * sum(${rate('openai_exporter_folded_rows_total')})`, legend: 'folded' },
              { expr: `3600 * sum(${rate('openai_exporter_malformed_rows_total')})`, legend: 'refused' },
            ],
            { softMax: 1 },
          ),
          lines(
            {
              title: 'Series',
              about: 'Series of usage and costs on the page, by instance.',
              unit: 'short',
            },
            [{ expr: own('openai_exporter_series'), legend: '{{instance}}' }],
          ),
        ],
      },
      {
        title: 'Process',
        panels: [
          lines({ title: 'Memory', about: 'Resident memory, by instance.', unit: 'bytes', width: 8 }, [
            { expr: ofExporters(own('process_resident_memory_bytes')), legend: '{{instance}}' },
          ]),
          lines(
            {
              title: 'CPU',
              about: 'Share of one processor, by instance.',
              unit: 'percentunit',
              width: 8,
            },
            [{ expr: ofExporters(rate('process_cpu_seconds_total')), legend: '{{instance}}' }],
          ),
          lines(
            {
              title: 'Event loop and publishing',
              about: 'The longest that the event loop was blocked, and how long it took to render what had changed.',
              unit: 's',
              width: 8,
            },
            [
              { expr: ofExporters(own('nodejs_eventloop_lag_max_seconds')), legend: '{{instance}} event loop' },
              { expr: own('openai_exporter_publish_duration_seconds'), legend: '{{instance}} publishing' },
            ],
          ),
          lines(
            {
              title: 'Scrapes',
              about: 'How long Prometheus needed for a scrape, by instance.',
              unit: 's',
              width: 8,
            },
            [
              {
                expr: ofExporters(own('scrape_duration_seconds')),
                legend: '{{instance}}',
              },
            ],
          ),
          lines(
            {
              title: 'Trouble of the process per hour',
              about:
                'Scrapes answered with 503 because too many were in flight, clients that were turned away, failures of the state file, lines of the log that were dropped, restarts of the thread that reads OpenAI.',
              unit: 'short',
              width: 8,
            },
            [
              { expr: `3600 * ${rate('openai_exporter_scrapes_rejected_total')}`, legend: '{{instance}} scrapes' },
              {
                expr: `3600 * sum by (instance) (${rate('openai_exporter_clients_refused_total')})`,
                legend: '{{instance}} clients',
              },
              { expr: `3600 * ${rate('openai_exporter_state_file_errors_total')}`, legend: '{{instance}} state file' },
              { expr: `3600 * ${rate('openai_exporter_log_lines_dropped_total')}`, legend: '{{instance}} log lines' },
              { expr: `3600 * ${rate('openai_exporter_reader_restarts_total')}`, legend: '{{instance}} restarts' },
            ],
            { softMax: 1 },
          ),
          number(
            {
              title: 'Next admin key expires',
              about: 'Of those that expire at all; known with the second scope.',
              unit: 'dateTimeFromNow',
              width: 8,
              height: 8,
              none: 'not known',
            },
            `1000 * min(${own('openai_admin_api_key_expires_timestamp_seconds')})`,
          ),
        ],
      },
    ],
  };
}
