/** An outage of any length and kind, at default settings: how little is asked while it lasts, and how soon all is well. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createOrganization } from '../../src/simulation/organization.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import type { Fault } from '../helpers/faults.ts';
import { seconds } from '../helpers/rows.ts';
import { type RunningExporter, runSimulated } from '../helpers/running-exporter.ts';

vi.setConfig({ testTimeout: 120_000 });

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const start = '2026-11-20T09:07:03Z';
const begins = Date.parse('2026-11-20T09:37:20Z');
const minute = 60_000;
const organization = createOrganization({
  seed: 3,
  createdAt: seconds('2026-11-16T00:00Z'),
  // Two apis in use, the others idle, as most organizations have it.
  profile: { groups: 4, apis: ['completions', 'embeddings'], activity: 1, restatedUp: 0, restatedDown: 0 },
});

const kinds: [string, Fault][] = [
  ['refused connections', { kind: 'reset' }],
  ['hanging', { kind: 'hang' }],
  ['500', { kind: 'status', status: 500 }],
  ['429 without Retry-After', { kind: 'status', status: 429 }],
];

/** Runs an outage, with the names and limits read, too. An answer takes half a second. */
function live(lasting: number, fault: Fault) {
  const to = begins + lasting * minute;
  const lived = runSimulated({
    organization,
    start,
    flags: ['--names.refresh=10m'],
    latency: 500,
    faults: [{ when: { from: begins, to }, fault }],
  });
  running = lived;
  return { ...lived, to };
}

/** Keyed by api, lists included. */
async function up({ exporter }: RunningExporter): Promise<Record<string, number>> {
  const page = parseExposition(await exporter.self.text());
  const family = page.families.get('openai_up');
  return Object.fromEntries((family?.samples ?? []).map(({ labels, value }) => [labels['api'] ?? '', value]));
}

function tokens({ page }: RunningExporter): number {
  const samples = page().families.get('openai_completions_input_tokens_total')?.samples ?? [];
  return samples.reduce((sum, { value }) => sum + value, 0);
}

describe.each(kinds)('an outage of all apis: %s', (_, fault) => {
  test.each([1, 5, 20, 60])('for %d min', async (lasting) => {
    const lived = live(lasting, fault);
    const { clock, minutes, dispatcher } = lived;
    await clock.runUntil(begins);
    expect(Object.values(await up(lived)).every((value) => value === 1)).toBe(true);
    const before = tokens(lived);
    expect(before).toBeGreaterThan(0);

    await clock.runUntil(lived.to);
    const during = dispatcher.requests.map(({ receivedAt }) => receivedAt).filter((at) => at >= begins);
    // Once each api that is in use has been asked, it is known that none answers.
    const late = during.filter((at) => at >= begins + 2 * minute);
    for (const at of late) expect(late.filter((other) => other >= at && other < at + minute).length).toBeLessThan(3);
    if (lasting >= 5) {
      const known = await up(lived);
      expect([known['completions'], known['embeddings']]).toEqual([0, 0]);
      // One is asked at every interval.
      for (let at = begins + 2 * minute; at < lived.to - minute; at += minute) {
        expect(late.some((other) => other >= at && other < at + minute + 5_000)).toBe(true);
      }
    }

    await minutes(2);
    expect(Object.entries(await up(lived)).filter(([, value]) => value !== 1)).toEqual([]);
    await minutes(1);
    expect(tokens(lived)).toBeGreaterThan(before);
    const span = { from: seconds('2026-11-01T00:00Z'), to: Math.floor((clock.now() - 17 * minute) / minute) * 60 };
    const truth = organization.truth.usage('completions', span, { groupBy: [] });
    expect(tokens(lived)).toBeGreaterThanOrEqual(truth[0]?.fields.get('input_tokens') ?? 0);
  });
});

test('an api that hangs alone counts as down after twice the timeout, while its poll goes on', async () => {
  const when = { api: 'embeddings', from: begins };
  const flags = ['--names.refresh=10m'];
  const lived = runSimulated({ organization, start, flags, latency: 500, faults: [{ when, fault: { kind: 'hang' } }] });
  running = lived;
  await lived.clock.runUntil(begins);
  const { status } = lived.exporter.apis.find(({ endpoint }) => endpoint.api === 'embeddings') ?? {};
  const polls = status?.polls;
  // Its turn comes within a minute.
  await lived.minutes(2.1);
  expect(status?.polls).toBe(polls);
  expect(await lived.self('openai_up{api="embeddings"}')).toBe(0);
  expect(status?.failure).toMatchObject({ reason: 'timeout' });
  expect(await lived.self('openai_up{api="completions"}')).toBe(1);
  expect(lived.log.of('warn').filter((line) => line.startsWith('embeddings: poll failed (timeout)'))).toHaveLength(1);
});

test('a list that hangs counts as down after twice the timeout, too, and as up with its next page', async () => {
  const to = begins + 20 * minute;
  const faults = [{ when: { api: 'users', from: begins, to }, fault: { kind: 'hang' } as const }];
  const lived = runSimulated({ organization, start, flags: ['--names.refresh=10m'], latency: 500, faults });
  running = lived;
  await lived.clock.runUntil(begins);
  lived.dispatcher.forget();
  const asked = () => lived.dispatcher.requests.find(({ api }) => api === 'users')?.receivedAt;
  while (asked() === undefined) await lived.clock.advance(1_000);
  const failures = () => lived.self('openai_exporter_poll_failures_total{api="users",reason="timeout"}');
  await lived.clock.runUntil((asked() ?? 0) + minute - 1_000);
  expect(await lived.self('openai_up{api="users"}')).toBe(1);
  await lived.clock.advance(2_000);
  expect(await lived.self('openai_up{api="users"}')).toBe(0);
  // The read goes on.
  expect(await failures()).toBe(0);
  const { failure } = lived.exporter.lists.find(({ api }) => api === 'users') ?? {};
  expect(failure?.()).toMatchObject({ reason: 'timeout' });
  const others = Object.entries(await up(lived)).filter(([api]) => api !== 'users');
  expect(others.filter(([, value]) => value !== 1)).toEqual([]);
  await lived.clock.runUntil(to);
  expect(await failures()).toBeGreaterThan(0);
  const said = lived.log.of('warn').filter((line) => line.startsWith('users: reading failed (timeout)'));
  expect(said).toHaveLength(1);
  await lived.minutes(10);
  expect(await lived.self('openai_up{api="users"}')).toBe(1);
});

test('a poll of an api that fails alone has eight tries of each width', async () => {
  const faults = [{ when: { api: 'embeddings', from: begins }, fault: { kind: 'status', status: 500 } as const }];
  const lived = runSimulated({ organization, start, latency: 500, faults });
  running = lived;
  await lived.clock.runUntil(begins);
  const { status } = lived.exporter.apis.find(({ endpoint }) => endpoint.api === 'embeddings') ?? {};
  const before = status?.polls ?? 0;
  lived.dispatcher.forget();
  while (status?.polls === before) await lived.clock.advance(1_000);
  const tries = (width: string) =>
    lived.dispatcher.requests.filter(({ api, query }) => api === 'embeddings' && query.get('bucket_width') === width);
  expect([tries('1m').length, tries('1h').length]).toEqual([8, 8]);
  expect(await lived.self('openai_exporter_api_retries_total{api="embeddings"}')).toBe(14);
});

const many = [
  ...(['embeddings', 'moderations', 'images', 'audio_speeches'] as const),
  ...(['audio_transcriptions', 'code_interpreter_sessions', 'file_search_calls', 'web_search_calls'] as const),
];

test.each([
  ['fails', ['embeddings'], { kind: 'status', status: 500 }],
  ['fail', many, { kind: 'status', status: 500 }],
  ['hang', many, { kind: 'hang' }],
] as const)(
  'what %s while others are answered is asked less and less, and the others as usual: %j',
  async (_, apis, fault) => {
    const faults = apis.map((api) => ({ when: { api, from: begins }, fault }));
    const lived = runSimulated({ organization, start, flags: ['--names.refresh=10m'], latency: 500, faults });
    running = lived;
    await lived.clock.runUntil(begins);
    lived.dispatcher.forget();
    await lived.minutes(10);
    const polls = () => lived.exporter.apis.filter(({ endpoint: { api } }) => apis.some((each) => each === api));
    const before = polls().map(({ status }) => status.polls);
    await lived.minutes(10);
    // Every five minutes each, and one of them every minute.
    const made = polls().map(({ status }, index) => status.polls - (before[index] ?? 0));
    expect(Math.max(...made)).toBeLessThanOrEqual(apis.length === 1 ? 2 : 4);
    const known = await up(lived);
    expect(Object.keys(known).filter((api) => known[api] === 0)).toEqual(
      Object.keys(known).filter((api) => apis.some((each) => each === api)),
    );
    const asked = lived.dispatcher.requests
      .filter(({ api, query }) => api === 'completions' && query.get('bucket_width') === '1m')
      .map(({ receivedAt }) => receivedAt);
    const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? at));
    expect(asked.length).toBeGreaterThanOrEqual(20);
    // Ten minutes pass until each of them has been asked, and is known to fail.
    expect(Math.max(...gaps.slice(10))).toBeLessThan(65_000);
    expect(Math.max(...gaps)).toBeLessThan(100_000);
  },
);

test('apis that fail now and then do not slow the others', async () => {
  const faults = ['embeddings', 'moderations'].map((api, seed) => ({
    when: { api, from: begins, chance: 0.7, seed },
    fault: { kind: 'status', status: 500 } as const,
  }));
  const lived = runSimulated({ organization, start, flags: ['--names.refresh=10m'], latency: 500, faults });
  running = lived;
  await lived.clock.runUntil(begins);
  lived.dispatcher.forget();
  await lived.minutes(60);
  const asked = lived.dispatcher.requests
    .filter(({ api, query }) => api === 'completions' && query.get('bucket_width') === '1m')
    .map(({ receivedAt }) => receivedAt);
  const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? at));
  expect(asked.length).toBeGreaterThanOrEqual(59);
  expect(Math.max(...gaps)).toBeLessThan(65_000);
});
