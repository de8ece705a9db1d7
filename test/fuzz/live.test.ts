/**
 * Reports of live usage that nobody honest would send: whatever a body is, it has an answer, what counts is what it
 * says, nothing counts twice, and no word of it comes out anywhere.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLiveUsage } from '../../src/live/live-usage.ts';
import { createOtlpAnswers } from '../../src/live/otlp/answer.ts';
import { answerRecords, type Report, type ReportForm } from '../../src/live/report.ts';
import { usageShapes } from '../../src/live/shapes.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { livePage } from '../helpers/live-server.ts';
import { fuzzRuns, fuzzTimeout } from './runs.ts';

const settleDelay = 900_000;
const now = Date.UTC(2026, 4, 15, 12, 15);
const at = { now, elapsed: 0 };

function start() {
  const labels = [{ name: 'team', path: 'metadata.team' }];
  const live = createLiveUsage({ labels, maxGroups: 20, zeroHold: 0, settleDelay });
  const otlp = createOtlpAnswers(live, now);
  const answer = (body: Uint8Array, form: ReportForm = 'records', more: Partial<Report> = {}) => {
    const report = { form, body: [body], isGzip: false, query: '', ...more };
    const { status, body: said } = form === 'records' ? answerRecords(live, report, at) : otlp.answer(report, at);
    return { status, text: Buffer.from(said).toString() };
  };
  const text = () => livePage(live, settleDelay, at);
  return { live, answer, text };
}

/** Names that records have, and some that no honest one has. */
const names = [
  ...['id', 'object', 'type', 'model', 'usage', 'record', 'labels', 'api', 'response', 'metadata', 'team', 'created'],
  ...['choices', 'data', 'output', 'custom_llm_provider', 'cache_hit', 'status', 'call_type', 'provider', 'tool_usage'],
  ...['__proto__', 'constructor', 'toString', 'prototype', 'error', 'custom_id', 'body', 'seconds', 'requests'],
  ...usageShapes.flatMap(({ counts }) => Object.values(counts).flatMap((places) => places[0]?.split('.') ?? [])),
];
const scalars = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, 2 ** 60, 1e308, 'CANARY', '', 'openai', 'completions'),
  fc.constantFrom('chat.completion', 'response', 'list', 'message', 'tokens', 'x'.repeat(10_000), '\ud800', 'a"b\\c\n'),
  fc.nat(1_000),
);
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: scalars },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    {
      weight: 4,
      arbitrary: fc
        .array(fc.tuple(fc.constantFrom(...names), tie('value')), { maxLength: 6 })
        // As text, so that __proto__ is a name like any other.
        .map((entries) =>
          JSON.parse(
            `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
          ),
        ),
    },
  ),
}));

test('whatever a record is, it is answered, and the page can be read', { timeout: fuzzTimeout }, () => {
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 5 }), (records) => {
      const { answer, text } = start();
      const { status, text: said } = answer(Buffer.from(JSON.stringify(records)));
      const { counted, duplicates, skipped, refused } = JSON.parse(said);
      expect([200, 400]).toContain(status);
      expect(counted + duplicates + skipped + refused.length).toBe(records.length);
      expect(said).not.toMatch(/CANARY|xxxx/);
      for (const value of parseExposition(text()).series.values()) expect(value).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: fuzzRuns(300) },
  );
});

test('a record that is no label, id or model says nothing on the page', () => {
  const { answer, text } = start();
  const prompt = { role: 'user', content: 'CANARY' };
  const usage = { prompt_tokens: 1, completion_tokens: 1, CANARY: 'CANARY' };
  const records = [
    { object: 'chat.completion', messages: [prompt], choices: [{ message: prompt }], usage },
    { labels: { CANARY: 'CANARY' }, record: { ...usage, messages: [prompt] } },
    { CANARY: 'CANARY', usage: { prompt_tokens: 'CANARY' } },
    { object: 'CANARY', usage: 'CANARY' },
    'CANARY',
    { record: 'CANARY', api: 'CANARY' },
    { api: 'CANARY', record: usage },
  ];
  const bodies = [
    JSON.stringify(records),
    ...records.map((record) => JSON.stringify(record)),
    ...['CANARY', '{"CANARY', '{"usage": CANARY}', '[{"a": 1}, CANARY', '{"a":1}\nCANARY\n'],
  ];
  for (const body of bodies) {
    for (const form of ['records', 'otlp json', 'otlp protobuf'] as const) {
      expect(answer(Buffer.from(body), form).text).not.toContain('CANARY');
    }
  }
  expect(answer(Buffer.from('{}'), 'records', { query: 'api=CANARY&CANARY=CANARY' }).text).not.toContain('CANARY');
  expect(text()).not.toContain('CANARY');
});

test.each<ReportForm>(['records', 'otlp json', 'otlp protobuf'])(
  'whatever the bytes are, they are answered: %s',
  { timeout: fuzzTimeout },
  (form) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, isGzip) => {
        const { status } = start().answer(bytes, form, { isGzip });
        expect([200, 400, 413]).toContain(status);
      }),
      { numRuns: fuzzRuns(300) },
    );
  },
);

test('a record that is cut off anywhere counts for nothing or for what it says', () => {
  const record = JSON.stringify({ object: 'chat.completion', usage: { prompt_tokens: 12, completion_tokens: 3 } });
  for (let length = 0; length < record.length; length++) {
    const { answer, text } = start();
    expect(answer(Buffer.from(record.slice(0, length))).status).toBe(400);
    expect(text()).not.toContain('openai_live_');
  }
});

test('labels of any length and form are cut and escaped, and a key is no label', () => {
  const { answer, text } = start();
  const chat = { object: 'chat.completion', usage: { prompt_tokens: 1 } };
  const send = (team: unknown) => answer(Buffer.from(JSON.stringify({ labels: { team }, record: chat })));
  for (const team of ['x'.repeat(10_000), '🤖'.repeat(10_000), 'a"b\\c\nd', '\ud800', {}, [1], 1e308, false])
    send(team);
  expect(send('sk-proj-0123456789abcdef').text).toContain('the label team holds a key');
  expect(text()).not.toContain('sk-proj');
  const longest = [...text().matchAll(/team="((?:[^"\\]|\\.)*)"/g)].map(([, value = '']) => [...value].length);
  expect(Math.max(...longest)).toBe(256);
  parseExposition(text());
});
