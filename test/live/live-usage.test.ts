/** Live usage becomes counters and gauges: each record once, at its own time, within bounds. */
import { expect, test } from 'vitest';
import { measure } from '../../src/estimate/measures.ts';
import { liveSections } from '../../src/live/live-section.ts';
import { createLiveUsage, type LiveOptions } from '../../src/live/live-usage.ts';
import { answerRecords, type Outcomes } from '../../src/live/report.ts';
import type { Section } from '../../src/metrics/section.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { livePage, liveTestLabels } from '../helpers/live-server.ts';

const minute = 60_000;
const hour = 60 * minute;
/** A quarter past an hour, so that the hour before has just settled. */
const noon = Date.UTC(2026, 4, 15, 12, 15);
const settleDelay = 15 * minute;

function startLive(options: Partial<LiveOptions> = {}) {
  const live = createLiveUsage({ labels: [], maxGroups: 100, zeroHold: 2 * minute, settleDelay, ...options });
  let now = noon;
  const at = () => ({ now, elapsed: now - noon });
  return {
    live,
    wait(ms: number) {
      now += ms;
    },
    send(body: unknown, query = ''): Outcomes {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const report = { form: 'records', body: [Buffer.from(text)], isGzip: false, query } as const;
      return JSON.parse(String(answerRecords(live, report, at()).body));
    },
    /** The instant at which time alone changes the page or the status. */
    changesAt() {
      const sections = liveSections({ live, settleDelay, shownByUsage: () => [] });
      return Math.min(...sections.map((section) => untilOf(section.render(now, now - noon))));
    },
    /** A page whose every part is rendered anew. */
    exposition() {
      return parseExposition(livePage(live, settleDelay, at()));
    },
  };
}

function untilOf(rendering: ReturnType<Section['render']>): number {
  for (;;) {
    const { done, value } = rendering.next();
    if (done === true) return value?.until ?? Number.POSITIVE_INFINITY;
  }
}

const labels = { ...liveTestLabels, model: 'gpt-5' };
const total = 'openai_live_completions_input_tokens_total';
const gauge = 'openai_live_completions_input_tokens';

const chat = (tokens: number, more: object = {}) => ({
  object: 'chat.completion',
  model: 'gpt-5',
  usage: { prompt_tokens: tokens, completion_tokens: 1 },
  ...more,
});

test('a counter shows 0 before its first value', () => {
  const { send, exposition, wait } = startLive();
  send(chat(10));
  expect(exposition().value(total, labels)).toBe(0);
  wait(2 * minute - 1);
  send(chat(5));
  expect(exposition().value(total, labels)).toBe(0);
  wait(1);
  expect(exposition().value(total, labels)).toBe(15);
});

test('usage counts in the hour that its record names, within the last day', () => {
  const { send, exposition } = startLive();
  const seconds = (ms: number) => ms / 1_000;
  send(chat(1, { created: seconds(noon - hour) }));
  send(chat(10, { created: seconds(noon - 25 * hour) }));
  send(chat(100, { created: seconds(noon + 24 * hour) }));
  send(chat(1_000));
  expect(exposition().value(gauge, { ...labels, bucket_width: '1h', state: 'settled' })).toBe(1);
  expect(exposition().value(gauge, { ...labels, bucket_width: '1h', state: 'open' })).toBe(1_110);
});

test('the status moves on each minute for as long as it shows records, also when there are no more', () => {
  const { live, send, wait, changesAt } = startLive();
  const nextHour = noon + 45 * minute;
  expect(changesAt()).toBe(nextHour);
  send(chat(1));
  for (let passed = 1; passed <= 15; passed++) {
    expect(live.status(noon + (passed - 1) * minute).minutes.at(-passed)?.records).toBe(1);
    expect(changesAt()).toBe(noon + passed * minute);
    wait(minute);
  }
  expect(changesAt()).toBe(nextHour);
});

test('an id counts once, until an hour has passed', () => {
  const { send, wait } = startLive();
  const record = chat(1, { id: 'chatcmpl-1' });
  expect(send([record, record])).toMatchObject({ counted: 1, duplicates: 1 });
  wait(hour);
  expect(send(record)).toMatchObject({ counted: 0, duplicates: 1 });
  wait(1);
  expect(send(record)).toMatchObject({ counted: 1, duplicates: 0 });
});

test('past the bound, usage goes into one group, and no label is invented', () => {
  const { send, exposition, wait } = startLive({ maxGroups: 2 });
  for (const model of ['a', 'b', 'c', 'd']) send(chat(1, { model }));
  wait(2 * minute);
  exposition();
  wait(2 * minute);
  const other = Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));
  expect(exposition().value(total, other)).toBe(2);
  expect(exposition().value('openai_exporter_live_folded_records_total')).toBe(2);
});

test('labels come from the envelope, the record and the query, in that order', () => {
  const { send, exposition, wait } = startLive({
    labels: [
      { name: 'team', path: undefined },
      { name: 'app', path: 'metadata.application' },
    ],
  });
  send({ labels: { team: 'search' }, record: chat(1, { metadata: { application: 'bot' } }) }, 'team=x&app=y&other=z');
  exposition();
  wait(2 * minute);
  expect(exposition().value(total, { ...labels, team: 'search', app: 'bot' })).toBe(1);
});

test('good records of a mixed batch count, and the others have a reason without their text', () => {
  const { send } = startLive();
  expect(send(`${JSON.stringify(chat(1))}\n{"CANARY": \n42\n${JSON.stringify(chat(-1))}\n`)).toEqual({
    counted: 1,
    duplicates: 0,
    skipped: 0,
    refused: [
      { index: 1, reason: 'it is not JSON' },
      { index: 2, reason: 'a record must be an object' },
      { index: 3, reason: 'prompt_tokens is negative' },
    ],
  });
});

test.each([
  ['a space', '{ ', ''],
  ['no space', '{', ''],
  ['a carriage return', '{', '\r'],
])('lines are taken whatever white space is in them: %s', (_, brace, end) => {
  const { send } = startLive();
  const line = JSON.stringify(chat(1)).replace('{', brace) + end;
  expect(send(`${line}\n${line}\n`)).toMatchObject({ counted: 2, refused: [] });
});

test.each([2, undefined])('one record in any number of lines is one record: indented by %s', (indent) => {
  const { send } = startLive();
  const record = chat(1, { data: Array.from({ length: 10_001 }, () => 0) });
  const text = JSON.stringify(record, undefined, indent);
  expect(send(indent === undefined ? text.replaceAll(',', '\n,') : text)).toMatchObject({ counted: 1, refused: [] });
});

test('an array that is cut off counts for nothing', () => {
  const { send } = startLive();
  const body = JSON.stringify([chat(1), chat(2)]).slice(0, -1);
  expect(send(body)).toEqual({
    counted: 0,
    duplicates: 0,
    skipped: 0,
    refused: [{ index: 0, reason: 'it is not JSON' }],
  });
});

test('what it costs moves with each record, by the prices that are known', () => {
  const { live, send, exposition, wait } = startLive();
  const spent = 'openai_spend_estimate_live_amount_total';
  const priced = { currency: 'usd', ...labels };
  send(chat(1_000));
  wait(5 * minute);
  // Usage from before there are prices is in no amount.
  expect(exposition().families.get(spent)).toBeUndefined();
  const input = measure('input_tokens');
  const output = measure('output_tokens');
  const cached = measure('input_cached_tokens');
  live.spend.goBy([
    {
      model: 'gpt-5',
      tier: '',
      currency: 'usd',
      terms: [
        { plus: [input], minus: [cached], price: '0.002' },
        { plus: [cached], minus: [], price: '0.0002' },
        { plus: [output], minus: [], price: '0.01' },
      ],
    },
  ]);
  send(chat(1_000));
  expect(exposition().value(spent, priced)).toBe(0);
  send(
    chat(1_000, {
      usage: { prompt_tokens: 1_000, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 500 } },
    }),
  );
  send(chat(1_000, { model: 'nobody-knows' }));
  wait(2 * minute);
  const page = exposition();
  expect(page.value(spent, priced)).toBeCloseTo(2 + 0.01 + 1 + 0.1, 12);
  expect(page.families.get(spent)?.samples).toHaveLength(1);
});

test('what a new key spends stays at 0 first, but is in the spend of its project at once', () => {
  const { live, send, exposition, wait } = startLive();
  const input = measure('input_tokens');
  live.spend.goBy([
    { model: 'gpt-5', tier: '', currency: 'usd', terms: [{ plus: [input], minus: [], price: '0.002' }] },
  ]);
  const from = (project_id: string, api_key_id: string, tokens: number) =>
    send({ labels: { project_id, api_key_id }, record: chat(tokens) });
  const ofKey = (api_key_id: string) =>
    exposition().value('openai_spend_estimate_live_amount_total', {
      currency: 'usd',
      ...labels,
      project_id: 'p',
      api_key_id,
    });
  const ofProject = (project_id: string) =>
    exposition().value('openai_project_spend_estimate_live_amount_total', { currency: 'usd', project_id });
  from('p', 'known', 1_000);
  expect(ofProject('p')).toBe(0);
  wait(2 * minute);
  expect([ofKey('known'), ofProject('p')]).toEqual([2, 2]);
  from('p', 'new', 500);
  expect([ofKey('known'), ofKey('new'), ofProject('p')]).toEqual([2, 0, 3]);
  from('q', 'known', 500);
  expect([ofProject('p'), ofProject('q')]).toEqual([3, 0]);
});

test('the last 100,000 ids are remembered', () => {
  const { send } = startLive();
  send(chat(1, { id: 'first' }));
  for (let at = 0; at < 99_999; at += 9_999) {
    send(Array.from({ length: Math.min(9_999, 99_999 - at) }, (_, index) => chat(1, { id: `later-${at + index}` })));
  }
  expect(send(chat(1, { id: 'first' }))).toMatchObject({ duplicates: 1 });
  send(chat(1, { id: 'last' }));
  expect(send(chat(1, { id: 'first' }))).toMatchObject({ counted: 1 });
});
