/** Every way in which the API is known to misbehave, one at a time: no counter falls, none is wrong in the end. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createOrganization } from '../../src/simulation/organization.ts';
import { valuesOf } from '../helpers/exposition.ts';
import type { Fault } from '../helpers/faults.ts';
import { seconds } from '../helpers/rows.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter, runSimulated } from '../helpers/running-exporter.ts';
import { createScraper } from '../helpers/scraper.ts';

vi.setConfig({ testTimeout: 60_000 });

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const start = '2026-11-20T09:27:03Z';
const total = 'openai_embeddings_input_tokens_total';
const organization = createOrganization({
  seed: 5,
  createdAt: seconds('2026-11-16T00:00Z'),
  profile: { groups: 4, apis: ['embeddings'], activity: 0.5, restatedUp: 0, restatedDown: 0 },
});

const faults: [string, Fault][] = [
  ['429', { kind: 'status', status: 429 }],
  ['429 with Retry-After', { kind: 'status', status: 429, headers: { 'retry-after': '20' } }],
  ['500', { kind: 'status', status: 500 }],
  ['401', { kind: 'status', status: 401 }],
  ['404', { kind: 'status', status: 404 }],
  ['a web page', { kind: 'html' }],
  ['data that is null', { kind: 'null-data' }],
  ['an empty object', { kind: 'json', body: '{}' }],
  ['half of an answer', { kind: 'cut', share: 0.5 }],
  ['connections that are reset', { kind: 'reset' }],
  ['no answer', { kind: 'hang' }],
  ['rows of words', { kind: 'wrong-types', where: 'rows' }],
  ['results that are no list', { kind: 'wrong-types', where: 'results' }],
  ['has_more without a cursor', { kind: 'more-without-cursor' }],
  ['a cursor past the end', { kind: 'past-the-end' }],
  ['the same page again and again', { kind: 'repeated-cursor' }],
  ['the same page again and again under new cursors', { kind: 'endless-cursor' }],
];

describe('twelve minutes of', () => {
  test.each(faults)('%s', async (_, fault) => {
    const when = {
      api: 'embeddings',
      from: Date.parse('2026-11-20T09:34:00Z'),
      to: Date.parse('2026-11-20T09:46:00Z'),
    };
    const flags = ['--poll.apis=embeddings', '--poll.group-by=model'];
    running = runSimulated({ organization, start, flags, faults: [{ when, fault }] });
    const { minutes, text } = running;
    const scraper = createScraper();
    // Rows that are refused leave their bucket without them, until its hour is read again.
    const lasting = fault.kind === 'wrong-types' ? 56 : 36;
    for (let minute = 0; minute < lasting; minute++) {
      await minutes(1);
      scraper.scrape(new Map(Object.entries(valuesOf(text(), total, ['model']))));
    }
    expect([...scraper.resets]).toEqual([]);
    const { lastPoll = 0 } = running.exporter.apis[0]?.status ?? {};
    const to = Math.floor((lastPoll / 1_000 - 900) / 60) * 60;
    const span = { from: seconds('2026-11-01T00:00Z'), to };
    const truth = organization.truth.usage('embeddings', span, { groupBy: ['model'] });
    const expected = truth.map(({ labels, fields }) => [String(labels[0]), fields.get('input_tokens') ?? 0]);
    expect(Object.fromEntries(scraper.counted)).toEqual(Object.fromEntries(expected));
  });
});

test('two apis with the same labels do not mix', async () => {
  const client = rowsClient(({ api, width }) =>
    width === '1d' ? [{ model: 'm', input_tokens: api === 'embeddings' ? 1 : 100 }] : [],
  );
  running = runExporter({ start, flags: ['--poll.apis=embeddings,moderations', '--poll.group-by=model'], client });
  await running.minutes(2);
  expect(valuesOf(running.text(), total, ['model'])).toEqual({ m: 19 });
  expect(valuesOf(running.text(), 'openai_moderations_input_tokens_total', ['model'])).toEqual({ m: 1_900 });
});
