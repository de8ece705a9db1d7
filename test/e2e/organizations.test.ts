/** Several organizations in the built program: found by a real Prometheus, exact each, and reloaded under way. */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { dashboards, fillIn, queriesOf } from '../helpers/dashboards.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { hasten, hastyRules } from '../helpers/hasty-rules.ts';
import { reply } from '../helpers/http-server.ts';
import { type Exporter, runProgram, startExporter } from '../helpers/process.ts';
import { type Matrix, startPrometheus } from '../helpers/prometheus.ts';
import { parseRules } from '../helpers/rules.ts';
import { type Fault, refuse, type ScriptedApi, type ScriptedApiOptions, secondsIn } from '../helpers/scripted-api.ts';
import { shiftedClock, usualClock } from '../helpers/test-clock.ts';
import { findTool } from '../helpers/tools.ts';
import { scriptedApi } from './exporter.ts';

const prometheusPath = findTool('prometheus', 'prometheus');
const minute = 60;

interface Entry {
  readonly name: string;
  readonly api: ScriptedApi;
  /** The file of its key; one of its own, if not given. */
  readonly keyFile?: string;
  readonly more?: string;
}

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'organizations-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const keyOf = (name: string) => `sk-admin-of-${name}`;

function organizationApi(name: string, options: ScriptedApiOptions = {}): Promise<ScriptedApi> {
  return scriptedApi({ ...options, key: keyOf(name) });
}

/** Puts the file in its place whole, as a tool that configures machines does. */
function write(folder: string, entries: readonly Entry[]): string {
  const file = join(folder, 'organizations.yml');
  const text = entries.map(({ name, api, keyFile, more = '' }) => {
    if (keyFile === undefined) writeFileSync(join(folder, `${name}.key`), keyOf(name));
    return `  - {name: ${name}, key_file: ${keyFile ?? `${name}.key`}, openai: {base_url: '${api.url}'}${more}}\n`;
  });
  writeFileSync(`${file}.next`, `organizations:\n${text.join('')}`);
  renameSync(`${file}.next`, file);
  return file;
}

async function start(file: string, args: readonly string[] = [], clock = usualClock): Promise<Exporter> {
  const own = [`--organizations.file=${file}`, '--names.refresh=0', '--openai.max-requests-per-minute=600'];
  const exporter = await startExporter([...own, '--poll.group-by=project_id', ...args], {
    clock,
    env: { OPENAI_EXPORTER_STATE_FILE: join(file, '..', 'state') },
  });
  onTestFinished(async () => {
    await exporter.stop('SIGKILL');
  });
  return exporter;
}

async function pageOf(exporter: Exporter, name: string) {
  const answer = await exporter.get(`/organizations/${name}/metrics`);
  expect(answer.status).toBe(200);
  return parseExposition(await answer.text());
}

async function targetsOf(exporter: Exporter): Promise<readonly string[]> {
  const found = JSON.parse(await (await exporter.get('/sd')).text());
  return found.map(({ labels }: { readonly labels: { readonly organization: string } }) => labels.organization);
}

const up = async (exporter: Exporter, organization: string) =>
  (await exporter.metrics()).value('openai_exporter_organization_up', { organization });
const reload = async (exporter: Exporter) => await fetch(`${exporter.url}/-/reload`, { method: 'POST' });
const patience = { timeout: 30_000, interval: 100 };

/** What a board shows where nobody has chosen anything but the job. */
const anything = {
  ...{ namespace: '.*', organization: '.*', instance: '.+', project: '.*', key: '.*', user: '.*', model: '.*' },
  ...{ tier: '.*', batch: '.*', currency: 'usd', label: 'api_key_id' },
};

/** Returns what a board asks for a job, of the last 20 s. */
function asked(expr: string, job: string): string {
  return fillIn(hasten(expr), { ...anything, job }, { range: 20, step: 2 }).replaceAll('[120s]', '[6s]');
}

/** Counts as Prometheus does: a fall is a reset, after which the whole value is a rise. */
function rises({ samples }: Matrix): number {
  return samples.reduce((total, [, value], index) => {
    const earlier = samples[index - 1]?.[1];
    return earlier === undefined ? total : total + (value < earlier ? value : value - earlier);
  }, 0);
}

describe.skipIf(prometheusPath === undefined)('Prometheus', () => {
  test('finds each organization and later ones, and has their totals exactly, whatever fails in one', {
    timeout: 120_000,
  }, async () => {
    const speed = 240;
    const begin = Date.parse('2026-05-15T11:40:00Z') / 1_000;
    /** Usage is measured from here on; it begins when Prometheus has what was before. */
    let from = Number.POSITIVE_INFINITY;
    let end = Number.POSITIVE_INFINITY;
    const clock = shiftedClock(begin * 1_000, speed);
    const wait = (second: number) => clock.sleep(Math.max(0, second * 1_000 - clock.now()));
    const weights: Readonly<Record<string, number>> = { production: 3, research: 50, europe: 700, later: 9 };
    /** Some tokens in each minute; half of them are late. */
    const known = (name: string, at: number, now: number) => {
      const used =
        at >= from && at < end ? 1 + (((at / minute) * 7_919) % (weights[name] ?? 1)) : at === begin - 86_400 ? 5 : 0;
      const age = now / 1_000 - (at + minute);
      return age < minute ? 0 : age < 10 * minute ? Math.floor(used / 2) : used;
    };
    const sum = (name: string, first: number, last: number, now: number) => {
      let total = 0;
      const sparse = last <= begin - 86_400 || first > end;
      if (sparse) return total;
      for (let at = Math.max(first, begin - 86_400); at < Math.min(last, end); at += minute)
        total += known(name, at, now);
      return total;
    };
    const entry = async (name: string): Promise<Entry> => ({
      name,
      api: await organizationApi(name, {
        clock,
        rows(api, width, at, now) {
          const input_tokens = api === 'completions' ? sum(name, at, at + secondsIn[width], now) : 0;
          if (input_tokens === 0) return [];
          return [{ input_tokens, output_tokens: 0, num_model_requests: 1, project_id: 'proj_a' }];
        },
      }),
    });
    const entries = await Promise.all(['production', 'research', 'europe'].map(entry));
    const folder = folderOf();
    const file = write(folder, entries);
    const args = [
      '--poll.apis=completions',
      '--poll.interval=2m',
      '--poll.idle-interval=2m',
      '--counters.zero-hold=20m',
      '--openai.timeout=5m',
    ];
    const exporter = await start(file, args, clock);
    const prometheus = await startPrometheus({
      path: prometheusPath ?? '',
      scrapeInterval: '500ms',
      jobs: { exporter: [`127.0.0.1:${exporter.port}`] },
      discovery: `${exporter.url}/sd`,
    });
    onTestFinished(prometheus.stop);
    const counter = 'openai_completions_input_tokens_total';
    await vi.waitFor(async () => expect(await prometheus.vector(counter)).toHaveLength(3), patience);
    from = Math.ceil(clock.now() / 1_000 / minute) * minute + 2 * minute;
    end = from + 40 * minute;

    const faulty = entries[1]?.api.faults ?? new Map<string, Fault>();
    await wait(from + 4 * minute);
    faulty.set('*', (response) => refuse(response, 503, 'later'));
    await wait(from + 12 * minute);
    faulty.set('*', (response) => reply(response, 200, '<html>'));
    await wait(from + 20 * minute);
    faulty.set('*', () => {});
    await wait(from + 26 * minute);
    faulty.clear();
    write(folder, [...entries, await entry('later')]);
    const added = performance.now();
    await vi.waitFor(
      async () => expect(await prometheus.vector('up{job="openai-later"} == 1')).toHaveLength(1),
      patience,
    );
    expect(performance.now() - added).toBeLessThan(60_000);

    await wait(end);
    const totalOf = (name: string) => 5 + sum(name, from, end, Number.POSITIVE_INFINITY);
    await vi.waitFor(
      async () => {
        const found = await prometheus.vector(counter);
        expect(
          Object.fromEntries(found.map(({ labels, value }) => [`${labels['job']} ${labels['organization']}`, value])),
        ).toEqual(Object.fromEntries(Object.keys(weights).map((name) => [`openai-${name} ${name}`, totalOf(name)])));
      },
      { timeout: 50_000, interval: 250 },
    );
    for (const { name } of entries) {
      const [series, ...others] = await prometheus.matrix(`${counter}{job="openai-${name}"}[5m]`);
      if (series === undefined || others.length > 0) throw new Error(`${name} does not have one series`);
      expect([name, rises(series), series.samples[0]?.[1]]).toEqual([name, totalOf(name) - 5, 5]);
    }
    const watched = await prometheus.vector(
      'group by (cluster, namespace, job, organization) (openai_exporter_build_info)',
    );
    expect(watched.map(({ labels }) => labels['job']).sort()).toEqual(
      ['exporter', ...Object.keys(weights).map((name) => `openai-${name}`)].sort(),
    );
    expect(await prometheus.vector('openai_exporter_organization_up == 1')).toHaveLength(4);
  });

  test('has the rules and boards of each by its job, as if it were alone', { timeout: 120_000 }, async () => {
    // At noon in the middle of a month, 20 times as fast: boards have something to show at any time of the day.
    const clock = shiftedClock(Date.parse('2026-05-14T12:05:00Z'), 20);
    const exporter = await startExporter(['demo', '--demo.organizations=3', '--counters.zero-hold=1s'], { clock });
    onTestFinished(async () => {
      await exporter.stop('SIGKILL');
    });
    const prometheus = await startPrometheus({
      path: prometheusPath ?? '',
      scrapeInterval: '500ms',
      jobs: { exporter: [`127.0.0.1:${exporter.port}`] },
      discovery: `${exporter.url}/sd`,
      rules: parseRules(hastyRules()).map((group) => ({ ...group, interval: '1s' })),
    });
    onTestFinished(prometheus.stop);
    const jobs = (await targetsOf(exporter)).map((name) => `openai-${name}`);
    expect(jobs).toHaveLength(3);

    /** The names that rules have recorded for a job. */
    const recordedFor = async (job: string) => {
      const found = await prometheus.vector(`group by (__name__) ({__name__=~".+:.+", job="${job}"})`);
      return found.map(({ labels }) => labels['__name__'] ?? '').sort();
    };
    /** The panels that have something to show for a job, which must be of no other. */
    const shownFor = async (job: string) => {
      const shown = new Set<string>();
      for (const board of dashboards) {
        for (const { panel, target } of queriesOf(board)) {
          const found = await prometheus.vector(asked(target.expr, job));
          if (found.length > 0) shown.add(`${board.title}: ${panel.title}`);
          const others = found.filter(({ labels }) => (labels['job'] ?? job) !== job);
          expect([board.title, panel.title, others]).toEqual([board.title, panel.title, []]);
        }
      }
      return [...shown].sort();
    };
    await vi.waitFor(
      async () => {
        const names = await Promise.all(jobs.map(recordedFor));
        expect(names[0]?.length).toBeGreaterThan(50);
        expect(names.slice(1)).toEqual([names[0], names[0]]);
        const panels = await Promise.all(jobs.map(shownFor));
        expect(panels[0]?.length).toBeGreaterThan(50);
        expect(panels.slice(1)).toEqual([panels[0], panels[0]]);
      },
      { timeout: 90_000, interval: 1_000 },
    );

    const compared = dashboards.filter(({ uid }) => uid === 'openai-organizations').flatMap(queriesOf);
    const tokens = compared.find(({ panel }) => panel.title === 'Tokens per minute of each');
    const all = await prometheus.vector(asked(tokens?.target.expr ?? '', '.*'));
    expect(all.map(({ labels }) => labels['job']).sort()).toEqual(jobs.toSorted());
  });
});

test('a key that cannot be read, at the start too, makes its own organization fail alone, until it can be', async () => {
  const folder = folderOf();
  const [good, bad] = await Promise.all([organizationApi('good'), organizationApi('bad')]);
  const file = write(folder, [
    { name: 'good', api: good },
    { name: 'bad', api: bad, keyFile: 'not-yet' },
  ]);
  const exporter = await start(file, ['--poll.interval=1s', '--poll.idle-interval=1s', '--poll.apis=images']);
  await vi.waitFor(
    async () => expect([await up(exporter, 'good'), await up(exporter, 'bad')]).toEqual([1, 0]),
    patience,
  );
  const status = await (await exporter.get('/organizations/bad/api/status')).text();
  expect(status).toContain(`The key file ${join(folder, 'not-yet')} cannot be read: there is no such file.`);
  expect((await exporter.get('/-/ready')).status).toBe(200);
  expect(bad.requests).toEqual([]);
  expect((await pageOf(exporter, 'bad')).value('openai_up', { api: 'images' })).toBe(0);
  writeFileSync(join(folder, 'not-yet'), keyOf('bad'));
  await vi.waitFor(async () => expect(await up(exporter, 'bad')).toBe(1), patience);
  expect(exporter.err()).not.toContain(keyOf('bad'));
});

test('a file with a mistake, half a file, an empty one and none change nothing, and say so', async () => {
  const folder = folderOf();
  const api = await organizationApi('a');
  const file = write(folder, [{ name: 'a', api }]);
  const exporter = await start(file, ['--poll.apis=images']);
  const successful = async () => (await exporter.metrics()).value('openai_exporter_config_last_reload_successful', {});
  await vi.waitFor(async () => expect(await up(exporter, 'a')).toBe(1), patience);
  expect(await successful()).toBe(1);
  const broken: readonly (readonly [text: string, said: RegExp])[] = [
    ['', /is empty/],
    ['organizations:\n  - {name: a, key_fi', /not valid YAML/],
    [
      'organizations: [{name: a, key_file: a.key, pol: {}}]',
      /organizations\[0\]\.pol: unknown key; did you mean poll\?/,
    ],
  ];
  for (const [text, said] of broken) {
    writeFileSync(file, text);
    const answer = await reload(exporter);
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringMatching(said)]);
    expect([await successful(), await targetsOf(exporter)]).toEqual([0, ['a']]);
    expect(await (await exporter.get('/')).text()).toContain('so what it said before stays in use');
  }
  rmSync(file);
  expect((await reload(exporter)).status).toBe(500);
  expect(await up(exporter, 'a')).toBe(1);
  write(folder, [{ name: 'a', api }]);
  // Found by itself.
  await vi.waitFor(async () => expect(await successful()).toBe(1), patience);
  expect(exporter.err()).not.toMatch(/"added":\["/);
});

test('one that is removed is gone with its threads, files and connections; one that changes starts anew alone', async () => {
  const folder = folderOf();
  const names = ['a', 'b', 'c'];
  const entries = await Promise.all(names.map(async (name) => ({ name, api: await organizationApi(name) })));
  const [a, b, c] = entries;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three');
  const file = write(folder, [a]);
  const exporter = await start(file, ['--poll.apis=images', '--poll.interval=1s', '--poll.idle-interval=1s']);
  const held = () => {
    const count = (what: string) => readdirSync(`/proc/${exporter.pid}/${what}`).length;
    return { threads: count('task'), files: count('fd') };
  };
  await vi.waitFor(async () => expect(await up(exporter, 'a')).toBe(1), patience);
  const before = held();
  write(folder, entries);
  expect((await reload(exporter)).status).toBe(200);
  await vi.waitFor(async () => expect([await up(exporter, 'b'), await up(exporter, 'c')]).toEqual([1, 1]), patience);
  expect(held().threads).toBeGreaterThan(before.threads);

  write(folder, [a, { ...b, more: ', poll: {group_by: [model]}' }]);
  process.kill(exporter.pid, 'SIGHUP');
  await exporter.logged(/"removed":\["c"\],"changed":\["b"\]/);
  expect((await exporter.get('/organizations/c/metrics')).status).toBe(404);
  expect((await exporter.get('/organizations/b/metrics')).status).toBe(200);
  write(folder, [a]);
  expect((await reload(exporter)).status).toBe(200);
  await vi.waitFor(() => {
    const after = held();
    expect(after.threads).toBeLessThanOrEqual(before.threads);
    // Connections of this test may still be open.
    expect(after.files).toBeLessThanOrEqual(before.files + 3);
  }, patience);
  expect((await exporter.metrics()).value('openai_exporter_organization_up', { organization: 'c' })).toBeUndefined();
});

test('an organization whose API hangs, or sends 64 MiB, delays no other, nor their pages', async () => {
  const folder = folderOf();
  const names = ['good', 'hangs', 'huge'];
  const entries = await Promise.all(names.map(async (name) => ({ name, api: await organizationApi(name) })));
  entries[1]?.api.faults.set('*', () => {});
  const large = Buffer.alloc(1_048_576, ' ');
  entries[2]?.api.faults.set('*', (response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    for (let sent = 0; sent < 65; sent++) response.write(large);
    response.end();
  });
  const exporter = await start(write(folder, entries), [
    '--poll.interval=1s',
    '--poll.idle-interval=1s',
    '--poll.apis=images,costs',
  ]);
  await vi.waitFor(
    async () => expect([await up(exporter, 'good'), await up(exporter, 'huge')]).toEqual([1, 0]),
    patience,
  );
  const took: number[] = [];
  const polls = entries[0]?.api.requests.length ?? 0;
  const begun = performance.now();
  while (performance.now() - begun < 3_000) {
    const asked = performance.now();
    await pageOf(exporter, 'good');
    took.push(performance.now() - asked);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect([...took].sort((x, y) => x - y)[Math.floor(took.length / 2)]).toBeLessThan(100);
  expect(entries[0]?.api.requests.length).toBeGreaterThan(polls);
  expect((await pageOf(exporter, 'huge')).value('openai_up', { api: 'costs' })).toBe(0);
});

test('check asks each of them, or the one that is named, and says whose key does not work', async () => {
  const folder = folderOf();
  const [good, bad] = await Promise.all([organizationApi('good'), organizationApi('bad')]);
  bad.keys = new Set();
  const file = write(folder, [
    { name: 'good', api: good },
    { name: 'bad', api: bad },
  ]);
  const args = ['check', `--organizations.file=${file}`, '--state.file=none'];
  const all = await runProgram(args);
  expect(all.code).toBe(1);
  expect(all.out).toMatch(/^good\n.*13 of 13 apis answered.*\nbad\n.*0 of 13 apis answered/s);
  const one = await runProgram([...args, '--organization=good']);
  expect([one.code, one.out]).toEqual([0, expect.not.stringContaining('bad')]);
});

test('backfill writes the history of the one that is named, with its key, address and dimensions', async () => {
  const folder = folderOf();
  const rows = (tokens: number): ScriptedApiOptions => ({
    rows: (api) => (api === 'completions' ? [{ input_tokens: tokens, project_id: 'proj_a' }] : []),
  });
  const [production, europe] = await Promise.all([
    organizationApi('production', rows(1)),
    organizationApi('europe', rows(700)),
  ]);
  const file = write(folder, [
    { name: 'production', api: production },
    { name: 'europe', api: europe, more: ', poll: {group_by: [project_id]}' },
  ]);
  const output = join(folder, 'europe.om');
  const { code, err } = await runProgram(
    [
      ...['backfill', `--organizations.file=${file}`, '--organization=europe', `--output=${output}`],
      ...['--labels=job=openai-europe,organization=europe,instance=exporter', '--poll.apis=completions'],
      ...['--from=2026-05-12', '--to=2026-05-13', '--bucket-width=1h', '--openai.max-requests-per-minute=600'],
    ],
    { clock: shiftedClock(Date.parse('2026-05-15T12:00:00Z')) },
  );
  expect(code, err).toBe(0);
  const lines = readFileSync(output, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('openai_completions_input_tokens_total{'));
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) expect(line).toContain('organization="europe"');
  expect(lines.every((line) => line.includes('project_id="proj_a"') && !line.includes('model='))).toBe(true);
  const values = lines.map((line) => Number(line.split('} ')[1]?.split(' ')[0]));
  expect([Math.max(...values) > 0, values.filter((value) => value % 700 !== 0)]).toEqual([true, []]);
  expect(production.requests).toEqual([]);
});

test('a demonstration can have several', { timeout: 120_000 }, async () => {
  const exporter = await startExporter(['demo', '--demo.organizations=2']);
  onTestFinished(async () => {
    await exporter.stop('SIGKILL');
  });
  expect(await targetsOf(exporter)).toEqual(['production', 'research']);
  const tokens = async (name: string) =>
    (await pageOf(exporter, name)).families
      .get('openai_completions_input_tokens_total')
      ?.samples.map(({ value }) => value);
  await vi.waitFor(
    async () => {
      const all = await Promise.all(['production', 'research'].map(tokens));
      expect(new Set(all.map((values) => JSON.stringify(values))).size).toBe(2);
      expect(all.every((values) => values !== undefined)).toBe(true);
    },
    { timeout: 100_000, interval: 250 },
  );
  expect(await (await exporter.get('/')).text()).toContain('These organizations do not exist');
  expect((await exporter.stop()).code).toBe(0);
});
