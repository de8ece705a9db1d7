/** Whole pages of a real process as Prometheus's own linter and a strict reader see them: hostile labels, too. */
import { describe, expect, test, vi } from 'vitest';
import { endpointOf } from '../../src/openai/catalogue.ts';
import { type Labels, parseExposition } from '../helpers/exposition-parser.ts';
import { startExporter } from '../helpers/process.ts';
import type { RowsOf } from '../helpers/scripted-api.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { checkMetrics, findTool } from '../helpers/tools.ts';
import { apiNames, usageApis } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const promtool = findTool('promtool', 'prometheus');

/**
 * All that the linter finds, and may find. Of prom-client's default metrics, whose names have been so for ever; and
 * of names that follow the API's own words.
 */
const known = [
  'nodejs_active_handles_total non-counter metrics should not have "_total" suffix',
  'nodejs_active_requests_total non-counter metrics should not have "_total" suffix',
  'nodejs_active_resources_total non-counter metrics should not have "_total" suffix',
];

/** The API's own word for a limit, where a project has one. */
const audioLimit = 'openai_project_rate_limit_max_audio_megabytes_per_1_minute';
const knownOfLimits = `${audioLimit} use base unit "bytes" instead of "megabytes"`;

function expectOnlyKnown(page: string): void {
  if (promtool === undefined) throw new Error('no promtool');
  const expected = page.includes(`# TYPE ${audioLimit} `) ? [...known, knownOfLimits] : known;
  expect(checkMetrics(promtool, page).lines).toEqual(expected);
}

/** @param isUp whether polls of this api are to succeed */
async function ready(
  exporter: Awaited<ReturnType<typeof startExporter>>,
  isUp: (api: string) => boolean = () => true,
): Promise<string> {
  return await vi.waitFor(
    async () => {
      const text = await exporter.page();
      const page = parseExposition(text);
      for (const api of apiNames) expect([api, page.value('openai_up', { api })]).toEqual([api, Number(isUp(api))]);
      for (const { api, required, flow } of usageApis) {
        // No total is made of counts that are unknown.
        if (!isUp(api)) continue;
        const name = flow ? `openai_${api}_${required[0]}_total` : `openai_usage_${api}_${required[0]}`;
        expect([name, page.families.has(name)]).toEqual([name, true]);
      }
      expect(page.families.has('openai_usage_costs_amount_value')).toBe(true);
      return text;
    },
    { timeout: 30_000, interval: 100 },
  );
}

describe.skipIf(promtool === undefined)('promtool', () => {
  test('finds nothing in the page of the demonstration but what is known', async ({ onTestFinished }) => {
    const demo = await startExporter(['demo']);
    onTestFinished(async () => {
      await demo.stop('SIGKILL');
    });
    await ready(demo);
    const page = await vi.waitFor(
      async () => {
        const text = await demo.page();
        expect(text).toContain(`# TYPE ${audioLimit} `);
        return text;
      },
      { timeout: 20_000, interval: 100 },
    );
    expectOnlyKnown(page);
  });

  test('finds nothing in a page with every field of every api but what is known', async () => {
    const exporter = await exporterOf(await scriptedApi({ rows: (api) => everyField(api, 'p') }), [], {
      names: true,
    });
    const page = await ready(exporter);
    const names = [...parseExposition(page).families.keys()];
    for (const { api, required, optional } of usageApis) {
      for (const field of [...required, ...optional]) expect(names).toContain(`openai_usage_${api}_${field}`);
    }
    expectOnlyKnown(page);
  });

  test('finds fault with a page that is none, so its word counts', () => {
    if (promtool === undefined) return;
    expect(checkMetrics(promtool, 'a{x="\\q"} 1\n').code).not.toBe(0);
    expect(checkMetrics(promtool, 'camelCase 1\n').lines.join(' ')).toContain('camelCase');
  });
});

function everyField(api: string, group: string, more: Readonly<Record<string, unknown>> = {}) {
  const documented = usageApis.find((each) => each.api === api);
  if (documented === undefined) {
    const amount = { value: '0.5', currency: 'usd' };
    return [
      {
        amount,
        quantity: 3,
        quantity_unit: group,
        project_id: group,
        line_item: group,
        api_key_id: group,
        api_source: group,
        ...more,
      },
    ];
  }
  const { dimensions, required, optional } = documented;
  const labels = dimensions.map((name) => [name, name === 'batch' ? true : group]);
  const fields = [...required, ...optional].map((name, index) => [name, index + 1]);
  return [{ ...Object.fromEntries([...labels, ...fields]), ...more }];
}

/** Holds what a row says, and what the label must read. */
const hostile: Readonly<Record<string, readonly [string, string]>> = {
  quotes: ['"quoted" and "more', '"quoted" and "more'],
  backslashes: ['\\ \\n \\" \\\\', '\\ \\n \\" \\\\'],
  'a backslash at the end': ['ends with \\', 'ends with \\'],
  newlines: ['one\ntwo\n', 'one\ntwo\n'],
  'other ends of lines': ['a\rb\r\nc\u0085d\u2028e\u2029f', 'a\rb\r\nc\u0085d\u2028e\u2029f'],
  'a sample of its own': [
    'x"} 1\nopenai_up{api="completions"} 0\n# TYPE a b',
    'x"} 1\nopenai_up{api="completions"} 0\n# TYPE a b',
  ],
  controls: ['\u0000\u0001\u0007\b\t\u000b\f\u001b[31m\u007f', '\u0000\u0001\u0007\b\t\u000b\f\u001b[31m\u007f'],
  'a first half': ['a\ud800b', 'a\ufffdb'],
  'a last half': ['c\udc00d', 'c\ufffdd'],
  'halves the wrong way round': ['\udc00\ud800', '\ufffd\ufffd'],
  'a half at the end': ['end\ud83d', 'end\ufffd'],
  'whole pairs': ['🤖 模型 ünïcode', '🤖 模型 ünïcode'],
  'no characters': ['\ufeff\ufffe\uffff\u200b\u202e', '\ufeff\ufffe\uffff\u200b\u202e'],
  'ten thousand characters': ['L'.repeat(10_000), 'L'.repeat(256)],
  // More bytes of a text, or of a row of such texts, are refused while they are read.
  'three thousand pairs': ['🤖'.repeat(3_000), '🤖'.repeat(256)],
  braces: ['{a="b",}', '{a="b",}'],
  'spaces around': ['  x  ', '  x  '],
  nothing: ['', 'none'],
  'names of objects': ['__proto__', '__proto__'],
};

describe('hostile labels', () => {
  let page: Promise<string> | undefined;
  /** Read once. */
  function hostilePage(): Promise<string> {
    page ??= (async () => {
      const clock = shiftedClock(Date.parse('2026-05-15T12:30:02Z'));
      // Only the newest of each width, so that they are soon read.
      const ages = { '1m': 1_500, '1h': 4 * 3_600, '1d': 4 * 86_400 };
      const rows: RowsOf = (name, width, start, now) =>
        start < now / 1_000 - ages[width] ? [] : Object.values(hostile).flatMap(([raw]) => everyField(name, raw));
      const api = await scriptedApi({ rows, clock });
      return await ready(await exporterOf(api, [], { names: true }));
    })();
    return page;
  }

  test('each is one series of each metric, its value unharmed', async () => {
    const text = await hostilePage();
    const page = parseExposition(text);
    for (const { api, dimensions, required, flow } of usageApis) {
      for (const [what, [, shown]] of Object.entries(hostile)) {
        const labels: Labels = Object.fromEntries(dimensions.map((name) => [name, name === 'batch' ? 'true' : shown]));
        const recent = { bucket_width: '1m', state: 'settled', ...labels };
        expect([api, what, page.value(`openai_usage_${api}_${required[0]}`, recent)]).toEqual([api, what, 1]);
        if (flow) expect(page.value(`openai_${api}_${required[0]}_total`, labels)).toBeGreaterThan(0);
      }
      const series = page.families.get(`openai_usage_${api}_${required[0]}`)?.samples ?? [];
      const settled = series.filter(({ labels }) => labels['bucket_width'] === '1m');
      expect(settled).toHaveLength(Object.keys(hostile).length);
    }
    for (const [, shown] of Object.values(hostile)) {
      const recent = { bucket_width: '1d', state: 'settled' };
      const labels = { ...recent, project_id: shown, line_item: shown, api_key_id: shown, api_source: shown };
      expect(page.value('openai_usage_costs_amount_value', { ...labels, currency: 'usd' })).toBe(0.5);
      expect(page.value('openai_usage_costs_quantity', { ...labels, quantity_unit: shown })).toBe(3);
    }
    for (const api of apiNames) expect(page.value('openai_up', { api })).toBe(1);
  });

  test.skipIf(promtool === undefined)('promtool parses the page and finds nothing new', async () => {
    expectOnlyKnown(await hostilePage());
  });

  test('what is no label does no harm either', async () => {
    const odd = { project_id: 17, model: true, user_id: { a: 1 } };
    const rows = (name: string) => [
      ...everyField(name, 'sound'),
      ...everyField(name, 'odd', odd),
      ...everyField(name, 'sound', { __proto__: 9, openai_up: 1, 'a b': 2, Big: 3, 'x\n': 4, ['y'.repeat(300)]: 5 }),
    ];
    // A row with an object for a user is refused, and its poll has failed; the rest stands.
    const isUp = (name: string) => endpointOf(name)?.dimensions.includes('user_id') !== true;
    const page = parseExposition(await ready(await exporterOf(await scriptedApi({ rows })), isUp));
    const labels = { bucket_width: '1m', state: 'settled', project_id: 'sound' };
    expect(page.value('openai_usage_code_interpreter_sessions_num_sessions', labels)).toBe(2);
    for (const name of page.families.keys()) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
  });
});
