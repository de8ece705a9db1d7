import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { endpoints } from '../../src/openai/catalogue.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { labelText } from '../../src/usage/labels.ts';
import { refuseDimension } from '../helpers/faults.ts';
import { readWritten, type WritingOptions, type Written, writeHistory } from '../helpers/writing.ts';

const now = Date.parse('2026-06-03T09:20:00Z');
const organization = createOrganization({
  seed: 7,
  createdAt: Date.parse('2026-05-20T00:00:00Z') / 1_000,
  profile: { groups: { completions: 5, code_interpreter_sessions: 2, costs: 4 }, dayShare: 0.6 },
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'backfill-test-'));
  return () => rmSync(folder, { recursive: true, force: true });
});

/** Three days around the end of May, unless told otherwise. */
function run({
  unlabelled = false,
  ...given
}: Omit<WritingOptions, 'organization' | 'now' | 'env'> & { unlabelled?: boolean }) {
  const env = {
    OPENAI_EXPORTER_FROM: '2026-05-30',
    OPENAI_EXPORTER_TO: '2026-06-02',
    OPENAI_EXPORTER_POLL_APIS: 'completions,code_interpreter_sessions,vector_stores,costs',
    OPENAI_EXPORTER_LABELS: unlabelled ? '' : 'job=openai,instance=a:1',
  };
  return writeHistory({ organization, now, env, ...given });
}

const read = readWritten;

const target = 'job="openai",instance="a:1"';
const anchorOf = (at: number) =>
  Date.parse(at < Date.parse('2026-06-01') / 1_000 ? '2026-05-01' : '2026-06-01') / 1_000;

/** The totals that the API's numbers make at the end of each hour, for every series that has begun by then. */
function expectTruth(series: Written, from: number, to: number, step = 3_600, left: readonly string[] = []): number {
  let compared = 0;
  for (const api of ['completions', 'code_interpreter_sessions']) {
    const endpoint = endpoints.find((each) => each.api === api);
    if (endpoint === undefined) throw new Error(api);
    const dimensions = endpoint.dimensions.filter((name) => !left.includes(name));
    for (let end = from + step; end <= to; end += step) {
      const span = { from: anchorOf(end - 1), to: end };
      const rows = organization.truth.usage(api, span, { groupBy: dimensions, at: now });
      for (const { labels, fields } of rows) {
        for (const [field, value] of fields) {
          if (value === 0) continue;
          const key = `openai_${api}_${field}_total{${labelText(dimensions, labels.map(textOf))},${target}}`;
          expect([key, end, series.get(key)?.get(end + 900)]).toEqual([key, end, value]);
          compared++;
        }
      }
    }
  }
  return compared;
}

const textOf = (label: string | boolean | null) => (label === null || label === '' ? 'none' : String(label));

describe('backfill', () => {
  test('leaves out what OpenAI does not grant for all of the history, and says so', async () => {
    const path = join(folder, 'out.om');
    const faults = [
      refuseDimension('completions', 'user_id', {
        says: 'nothing',
        startBefore: Date.parse('2026-05-30T12:00Z') / 1_000,
      }),
      refuseDimension('completions', 'api_source', { says: 'name' }),
    ];
    const { code, log } = await run({ argv: [`--output=${path}`], faults });
    expect(code).toBe(0);
    expect(log.of('warn', 'error')).toEqual([
      expect.stringMatching(/completions: OpenAI does not grant grouping by .*user_id.* for all of this history/),
    ]);
    const series = read(readFileSync(path, 'utf8'));
    const [from, to] = ['2026-05-30', '2026-06-02'].map((text) => Date.parse(text) / 1_000);
    expect(expectTruth(series, from ?? 0, to ?? 0, 3_600, ['user_id', 'api_source'])).toBeGreaterThan(1_000);
  });

  test('names what works where the user named what is not granted', async () => {
    const { code, log } = await run({
      argv: [`--output=${join(folder, 'out.om')}`, '--poll.group-by=user_id,model'],
      faults: [refuseDimension('completions', 'user_id', { says: 'index' })],
    });
    expect(code).toBe(1);
    expect(log.of('error').join()).toContain('use --poll.group-by=model, or --poll.group-by=all');
  });

  test('writes what the API has recorded, to a file', async () => {
    const path = join(folder, 'out.om');
    const { code, err, out, requests, log } = await run({ argv: [`--output=${path}`] });
    expect([code, err, out, log.of('warn', 'error')]).toEqual([0, '', '', []]);
    const series = read(readFileSync(path, 'utf8'));
    const [from, to] = ['2026-05-30', '2026-06-02'].map((text) => Date.parse(text) / 1_000);
    expect(expectTruth(series, from ?? 0, to ?? 0)).toBeGreaterThan(1_000);
    // Nothing but these instants: each hour, and the beginning of June.
    const counters = [...series].filter(([key]) => key.includes('_total{'));
    const instants = new Set(counters.flatMap(([, samples]) => [...samples.keys()]));
    const regular = Array.from({ length: 73 }, (_, hour) => (from ?? 0) + hour * 3_600 + 900);
    expect([...instants].sort()).toEqual([...regular, Date.parse('2026-06-01T00:30Z') / 1_000].sort());
    // Costs: a sample for each day, a day after its end.
    const costs = [...series].filter(([key]) =>
      key.startsWith('openai_usage_costs_amount_value{bucket_width="1d",state="settled",'),
    );
    expect(costs.length).toBeGreaterThan(1);
    const days = [0, 1, 2].map((day) => (from ?? 0) + (day + 2) * 86_400);
    for (const [index, at] of days.entries()) {
      const span = { from: (from ?? 0) + index * 86_400, to: (from ?? 0) + (index + 1) * 86_400 };
      const rows = organization.truth.costs(span, {
        groupBy: ['project_id', 'line_item', 'api_key_id', 'api_source'],
        at: now,
      });
      for (const { labels, currency, amount } of rows) {
        if (amount === null || amount === 0n) continue;
        const own = labelText(
          ['currency', 'project_id', 'line_item', 'api_key_id', 'api_source'],
          [currency, ...labels.map(textOf)],
        );
        const key = `openai_usage_costs_amount_value{bucket_width="1d",state="settled",${own},${target}}`;
        expect(series.get(key)?.get(at)).toBeCloseTo(Number(amount) / 1e28, 9);
      }
    }
    expect(existsSync(`${path}.partial`)).toBe(false);
    expect(requests.some(({ api }) => api === 'vector_stores')).toBe(false);
  });

  test.each([
    ['1m', '2026-05-31T21:10', '2026-05-31T22:00'],
    ['1d', '2026-05-25', '2026-06-03'],
  ])('by buckets of %s, from within a period', async (width, from, to) => {
    const argv = ['--output=-', `--bucket-width=${width}`, `--from=${from}`, `--to=${to}`];
    const { code, out, log } = await run({ argv });
    expect([code, log.of('warn', 'error')]).toEqual([0, []]);
    const at = (text: string) => Date.parse(text.length === 10 ? text : `${text}Z`) / 1_000;
    expect(expectTruth(read(out), at(from), at(to), width === '1m' ? 60 : 86_400)).toBeGreaterThan(100);
  });

  test('writes a file for each month, which together are the whole', async () => {
    const path = join(folder, 'out.om');
    await run({ argv: [`--output=${path}`] });
    const whole = read(readFileSync(path, 'utf8'));
    const { code } = await run({ argv: [`--output=${join(folder, 'months')}/`] });
    expect(code).toBe(0);
    expect(readdirSync(join(folder, 'months')).sort()).toEqual(['openai-usage-2026-05.om', 'openai-usage-2026-06.om']);
    const june = Date.parse('2026-06-01') / 1_000;
    const all = new Map<string, Map<number, number>>();
    for (const month of ['05', '06']) {
      for (const [key, samples] of read(
        readFileSync(join(folder, 'months', `openai-usage-2026-${month}.om`), 'utf8'),
      )) {
        for (const at of samples.keys()) expect(at < june).toBe(month === '05');
        all.set(key, new Map([...(all.get(key) ?? []), ...samples]));
      }
    }
    expect(all).toEqual(whole);
  });

  test('writes the same to stdout, and nothing beside', async () => {
    const path = join(folder, 'out.om');
    await run({ argv: [`--output=${path}`] });
    const { code, out } = await run({ argv: ['--output=-'] });
    expect(code).toBe(0);
    expect(out).toBe(readFileSync(path, 'utf8'));
  });

  test.each([
    [1, []],
    [2, []],
    [3, []],
    [5, []],
    [8, []],
    [3, ['--series.max-groups=2']],
    [5, ['--series.max-groups=2']],
  ])('goes on where it was stopped after %i requests %j', async (stopAfter, more) => {
    const path = join(folder, 'whole.om');
    const first = await run({ argv: [`--output=${path}`, ...more] });
    const all = first.requests.length;
    expect(readFileSync(path, 'utf8').includes('="other"')).toBe(more.length > 0);
    const folding = first.log
      .of('warn')
      .filter((line) => line.endsWith('there are more than 2 groups, so the rest is summed as "other"'));
    expect(folding.length > 0).toBe(more.length > 0);
    const other = join(folder, 'other.om');
    const stopped = await run({ argv: [`--output=${other}`, ...more], stopAfter });
    expect([stopped.code, stopped.log.of('error')]).toEqual([
      1,
      [expect.stringMatching(/^the backfill failed: SIGTERM.*--resume/)],
    ]);
    expect(existsSync(other)).toBe(false);
    // It could have been killed in the middle of a line.
    const journals = readdirSync(`${other}.partial`).filter((name) => name.endsWith('.journal'));
    for (const name of journals) writeFileSync(join(`${other}.partial`, name), '{"step":0,"sta', { flag: 'a' });
    const refused = await run({ argv: [`--output=${other}`] });
    expect([refused.code, refused.err, refused.requests]).toEqual([2, expect.stringContaining('--resume'), []]);
    const resumed = await run({ argv: [`--output=${other}`, '--resume', ...more] });
    expect(resumed.code).toBe(0);
    expect(readFileSync(other, 'utf8')).toBe(readFileSync(path, 'utf8'));
    if (stopAfter > 2) expect(resumed.requests.length).toBeLessThan(all);
    expect(existsSync(`${other}.partial`)).toBe(false);
  });

  test('does not go on with other labels, which would mix series', async () => {
    const path = join(folder, 'out.om');
    expect((await run({ argv: [`--output=${path}`], stopAfter: 3 })).code).toBe(1);
    const refused = await run({ argv: [`--output=${path}`, '--labels=job=openai,instance=b:2', '--resume'] });
    expect([refused.code, refused.requests]).toEqual([2, []]);
    expect(refused.err).toMatch(
      /--resume: .* was begun with --labels for job="openai",instance="a:1"; .*different series/,
    );
    expect((await run({ argv: [`--output=${path}`, '--resume'] })).code).toBe(0);
  });

  test('gets over a passing failure', async () => {
    const outage = { from: now + 1, to: now + 120_000 };
    const { code, log } = await run({
      argv: [`--output=${join(folder, 'out.om')}`],
      faults: [{ when: outage, fault: { kind: 'status', status: 503 } }],
    });
    expect([code, log.of('error')]).toEqual([0, []]);
    expect(log.of('warn')[0]).toMatch(/status 503.* tried again in \d+ seconds/);
  });

  test.each([
    ['a lasting one', { kind: 'status', status: 503 }, /status 503.* --resume goes on/],
    ['a refused key', { kind: 'status', status: 401 }, /status 401.*OPENAI_ADMIN_KEY.* --resume goes on/],
    ['a missing scope', { kind: 'status', status: 403 }, /api\.usage\.read.* --resume goes on/],
    [
      'a span that is too old',
      { kind: 'status', status: 400, body: { error: { message: 'Too old', code: 'reporting_lookback_exceeded' } } },
      /Too old.* begin with --from=2026-06-01 or later/,
    ],
    [
      'a span that is too old, where OpenAI says what is not',
      {
        kind: 'status',
        status: 400,
        body: { error: { message: 'start_time must be on or after 2026-05-03', code: 'reporting_lookback_exceeded' } },
      },
      /Begin with --from=2026-05-03 or later for costs alone .*, and with --from=2026-06-01 or later for counters/,
    ],
  ] as const)('fails with what to do on %s', async (_, fault, message) => {
    const path = join(folder, 'out.om');
    const faults = [{ when: { api: 'completions' }, fault }];
    const { code, log } = await run({ argv: [`--output=${path}`], faults });
    expect([code, log.of('error')]).toEqual([1, [expect.stringMatching(message)]]);
    expect(existsSync(path)).toBe(false);
    // Where nothing can be gone on with, nothing is left.
    const resume = existsSync(`${path}.partial`) ? ['--resume'] : [];
    expect(resume).toHaveLength(message.source.includes('resume') ? 1 : 0);
    expect((await run({ argv: [`--output=${path}`, ...resume] })).code).toBe(0);
  });

  test('keeps to the request budget', async () => {
    const { requests } = await run({ argv: ['--output=-', '--openai.max-requests-per-minute=5'] });
    expect(requests.length).toBeGreaterThan(11);
    for (const [index, { receivedAt }] of requests.entries()) {
      const fiveBefore = requests[index - 5]?.receivedAt ?? Number.NEGATIVE_INFINITY;
      expect(receivedAt - fiveBefore).toBeGreaterThan(60_000);
    }
  });

  test('stays three hours behind, and says so', async () => {
    const path = join(folder, 'out.om');
    const { code, log } = await run({ argv: ['--to=2026-06-03T09:00', `--output=${path}`] });
    expect(code).toBe(0);
    expect(log.of('warn')).toEqual([expect.stringMatching(/the history ends at 2026-06-03T06:00Z: .*3 hours/)]);
    const latest = Math.max(
      ...[...read(readFileSync(path, 'utf8')).values()].flatMap((samples) => [...samples.keys()]),
    );
    expect(latest).toBe(Date.parse('2026-06-03T06:15Z') / 1_000);
    expect(latest * 1_000).toBeLessThanOrEqual(now - 3 * 3_600_000);
  });

  test.each([
    ['', /^--labels has no job and no instance: .* will not join .*--labels=job=openai,instance=/],
    ['instance=a:1', /^--labels has no job: /],
    ['job=openai,cluster=b', /^--labels has no instance: /],
  ])('warns at once that with the labels %j nothing can be joined', async (labels, warning) => {
    const argv = ['--output=-', ...(labels === '' ? [] : [`--labels=${labels}`])];
    const { code, log, requests } = await run({ argv, unlabelled: true, stopAfter: 0 });
    expect([code, log.of('warn'), requests.length]).toEqual([1, [expect.stringMatching(warning)], 1]);
  });

  describe('refuses, before it asks anything,', () => {
    const cases: readonly (readonly [string, () => readonly string[], RegExp])[] = [
      ['a file that exists', () => [`--output=${written('there')}`], /^--output: .* exists/],
      ['a folder that has the month', () => [`--output=${withMonth()}/`], /^--output: .*2026-05\.om exists/],
      ['a folder that is none', () => [`--output=${join(folder, 'no', 'out.om')}`], /^--output: there is no folder/],
      ['a folder in a file', () => [`--output=${join(written('file'), 'x')}/`], /^--output: .*cannot be written/],
      ['a folder that cannot be written', () => ['--output=/proc/out.om'], /^--output: .*cannot be written/],
      ['to resume nothing', () => [`--output=${join(folder, 'a')}`, '--resume'], /^--resume: there is nothing/],
      ['to resume stdout', () => ['--output=-', '--resume'], /^--resume: .*stdout/],
      ['the future', () => ['--from=2026-07-01', '--to=2026-07-02', '--output=-'], /^--from: is in the future/],
      ['an end in the future', () => ['--to=2026-06-04', '--output=-'], /^--to: is in the future/],
      ['what is too new', () => ['--from=2026-06-03T07:00', '--to=2026-06-03T09:00', '--output=-'], /3 hours/],
    ];
    function written(name: string): string {
      const path = join(folder, name);
      writeFileSync(path, 'mine');
      return path;
    }
    function withMonth(): string {
      mkdirSync(join(folder, 'months'));
      written('months/openai-usage-2026-05.om');
      return join(folder, 'months');
    }

    test.each(cases)('%s', async (_, argv, message) => {
      const { code, err, requests, out } = await run({ argv: argv() });
      expect(err).toMatch(message);
      expect([code, requests, out]).toEqual([2, [], '']);
    });

    test('to go on with other settings', async () => {
      const path = join(folder, 'out.om');
      await run({ argv: [`--output=${path}`], stopAfter: 3 });
      const { code, err } = await run({ argv: [`--output=${path}`, '--resume', '--poll.group-by=model'] });
      expect([code, err]).toEqual([2, expect.stringContaining('other settings')]);
    });
  });
});
