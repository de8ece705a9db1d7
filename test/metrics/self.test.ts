/** The exporter's own metrics: their names, their labels, and what is there before anything has happened. */
import { describe, expect, test } from 'vitest';
import { createSelfMetrics, type SelfSourceApi } from '../../src/metrics/self.ts';
import { createReaderMetrics } from '../../src/metrics/self-reader.ts';
import { createServingMetrics } from '../../src/metrics/self-serving.ts';
import { reasons } from '../../src/openai/errors.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';

function metrics(api: Partial<SelfSourceApi> = {}) {
  const source: SelfSourceApi = {
    api: 'images',
    up: () => undefined,
    lastSuccess: () => undefined,
    pollDuration: () => undefined,
    dataThrough: () => new Map(),
    newestActivity: () => undefined,
    heldBack: () => new Map(),
    dimensionsRefused: () => [],
    ...api,
  };
  return createSelfMetrics({
    version: '1.2.3',
    revision: 'abc',
    source: { apis: [source], lists: [], stateFileErrors: () => 5 },
  });
}

describe('the exporter’s own metrics', () => {
  test('are those of the contract', async () => {
    const self = metrics({
      up: () => true,
      lastSuccess: () => 1_000_500,
      pollDuration: () => 0.25,
      dataThrough: () =>
        new Map([
          ['1m', 60],
          ['1h', 3_600],
        ]),
      newestActivity: () => 120,
      heldBack: () => new Map([['images', 4]]),
      dimensionsRefused: () => ['user_id'],
    });
    self.polled('images', undefined);
    self.polled('images', 'server');
    self.attempt('images', '200', 0.2);
    self.attempt('images', 'none', 30);
    self.retry('images');
    self.restated('images', 2, 1);
    self.folded('images', 3);
    self.malformed('images', 4);
    self.published(0.5, 7);
    const { families, value } = parseExposition(await self.text());
    const api = 'images';
    const prefix = 'openai_exporter_';
    const expected: [string, Record<string, string>, number, string][] = [
      ['openai_up', { api }, 1, 'gauge'],
      [`${prefix}build_info`, { version: '1.2.3', revision: 'abc' }, 1, 'gauge'],
      [`${prefix}polls_total`, { api }, 2, 'counter'],
      [`${prefix}poll_failures_total`, { api, reason: 'server' }, 1, 'counter'],
      [`${prefix}poll_duration_seconds`, { api }, 0.25, 'gauge'],
      [`${prefix}last_success_timestamp_seconds`, { api }, 1_000.5, 'gauge'],
      [`${prefix}data_through_timestamp_seconds`, { api, bucket_width: '1m' }, 60, 'gauge'],
      [`${prefix}data_through_timestamp_seconds`, { api, bucket_width: '1h' }, 3_600, 'gauge'],
      [`${prefix}newest_activity_timestamp_seconds`, { api }, 120, 'gauge'],
      [`${prefix}api_requests_total`, { api, code: '200' }, 1, 'counter'],
      [`${prefix}api_requests_total`, { api, code: 'none' }, 1, 'counter'],
      [`${prefix}api_retries_total`, { api }, 1, 'counter'],
      [`${prefix}restatements_total`, { api, direction: 'up' }, 2, 'counter'],
      [`${prefix}restatements_total`, { api, direction: 'down' }, 1, 'counter'],
      [`${prefix}held_back`, { api, field: 'images' }, 4, 'gauge'],
      [`${prefix}dimension_refused`, { api, dimension: 'user_id' }, 1, 'gauge'],
      [`${prefix}series`, {}, 7, 'gauge'],
      [`${prefix}folded_rows_total`, { api }, 3, 'counter'],
      [`${prefix}malformed_rows_total`, { api }, 4, 'counter'],
      [`${prefix}publish_duration_seconds`, {}, 0.5, 'gauge'],
      [`${prefix}state_file_errors_total`, {}, 5, 'counter'],
    ];
    for (const [name, labels, number, type] of expected) {
      expect([name, families.get(name)?.type, value(name, labels)]).toEqual([name, type, number]);
    }
    expect(families.get(`${prefix}api_request_duration_seconds`)?.type).toBe('histogram');
    const known = new Set([...expected.map(([name]) => name), `${prefix}api_request_duration_seconds`]);
    expect([...families.keys()].filter((name) => !known.has(name))).toEqual([]);
  });

  test('are 0 from the start where their labels are known, and absent where nothing is known', async () => {
    const { families, value } = parseExposition(await metrics().text());
    for (const reason of reasons) {
      expect(value('openai_exporter_poll_failures_total', { api: 'images', reason })).toBe(0);
    }
    for (const direction of ['up', 'down']) {
      expect(value('openai_exporter_restatements_total', { api: 'images', direction })).toBe(0);
    }
    expect(value('openai_exporter_polls_total', { api: 'images' })).toBe(0);
    expect(families.get('openai_up')?.samples ?? []).toEqual([]);
    expect(families.get('openai_exporter_last_success_timestamp_seconds')?.samples ?? []).toEqual([]);
    expect(families.get('openai_exporter_newest_activity_timestamp_seconds')?.samples ?? []).toEqual([]);
  });

  test('come with the reasons of the contract, and no other', () => {
    expect([...reasons].sort()).toEqual(
      [
        'auth',
        'permission',
        'rate_limited',
        'timeout',
        'server',
        'rejected',
        'network',
        'malformed',
        'too_large',
      ].sort(),
    );
  });

  test('have those of the serving thread and of the process beside them', async () => {
    const serving = createServingMetrics({ logLinesDropped: () => 6, clock: { monotonic: () => 0 } });
    serving.scrapeRejected();
    serving.clientRefused('crowded');
    serving.clientRefused('crowded');
    const reader = createReaderMetrics();
    reader.restarted();
    const texts = [await metrics().text(), await reader.text(), await serving.text()];
    const { families, value } = parseExposition(texts.join(''));
    expect([...families.keys()]).toEqual(
      expect.arrayContaining(['process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']),
    );
    expect(value('openai_exporter_log_lines_dropped_total', {})).toBe(6);
    expect(value('openai_exporter_scrapes_rejected_total', {})).toBe(1);
    expect(value('openai_exporter_reader_restarts_total', {})).toBe(1);
    const refused = (reason: string) => value('openai_exporter_clients_refused_total', { reason });
    expect([refused('crowded'), refused('unauthorized'), refused('tls_failed')]).toEqual([2, 0, 0]);
  });
});
