/**
 * The way from usage to whoever is woken, and how long it takes. What exporters show of two simulated organizations is put into a
 * real Prometheus as a past that ends now. It has our rules, and a real Alertmanager with our configuration sends to a webhook.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Message } from '../../deploy/stack/receiver.ts';
import { createLiveUsage } from '../../src/live/live-usage.ts';
import { widthSeconds } from '../../src/openai/catalogue.ts';
import { demoOrganization } from '../../src/simulation/demo-organization.ts';
import { createGateway } from '../../src/simulation/gateway.ts';
import { type Alerting, startAlerting } from '../helpers/alerting.ts';
import { importSamples } from '../helpers/backfill.ts';
import { livePage } from '../helpers/live-server.ts';
import { type Prometheus, startPrometheus } from '../helpers/prometheus.ts';
import { recordPast } from '../helpers/recorded-past.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { type Rule, type RuleGroup, ruleGroups } from '../helpers/rules.ts';
import { runExporter, runSimulated } from '../helpers/running-exporter.ts';
import { findTool } from '../helpers/tools.ts';

const path = findTool('prometheus', 'prometheus');
const promtool = findTool('promtool', 'prometheus');
const alertmanager = findTool('prometheus-alertmanager', 'prometheus-alertmanager');
const isMissing = [path, promtool, alertmanager].includes(undefined);

const minute = 60;
const hour = 60 * minute;
const week = 7 * 24 * hour;
/** The second of the simulations that becomes now. */
const end = Date.parse('2026-11-19T10:30:00Z') / 1_000;
/** The same for the organization in which jobs run away: little is left of its day, so what that will cost says least. */
const spendingEnd = Date.parse('2026-11-19T23:30:00Z') / 1_000;
/** Seconds between two scrapes, as in deploy/prometheus/prometheus.yml, and between two polls of usage. */
const scrapeInterval = 30;
const pollInterval = minute;
/** Milliseconds, the defaults. */
const settleDelay = 900_000;
const zeroHold = 120_000;

/** A job that burns a thousand dollars an hour in a project of its own, beside one dollar an hour of usual work. */
interface Runaway {
  readonly id: string;
  readonly name: string;
  /** The second of its first request. */
  readonly begins: number;
  /** The key that it reports live usage with; undefined where nobody reports the project's usage. */
  readonly key: string | undefined;
}

/** Jobs of one kind that begin so many seconds after an instant. */
const runaways = (kind: string, key: string | undefined, instant: number, after: readonly number[]) =>
  after.map(
    (seconds, index): Runaway => ({
      id: `proj_${kind}_${index}`,
      name: `${kind} ${index}`,
      begins: instant + seconds,
      key,
    }),
  );

const usualKey = 'key_usual';
/** Seconds after a scrape. The worst moments are just before the next one, where a job has not yet spent enough. */
const moments = [0, 10, 20, 25, 26, 27, 28, 29];
const jobs = {
  unreported: runaways('Batch', undefined, spendingEnd - 20 * minute, [0, 15, 30, 45, 48, 51, 54, 57]),
  ofKnownKey: runaways('Chat', usualKey, spendingEnd - minute, moments),
  ofNewKey: runaways('Agent', 'key_new', spendingEnd - minute, moments),
};
const allJobs = Object.values(jobs).flat();

/** Input tokens of a second of usual work: a million cost 2.50, and as many of output 10. */
const usual = 80;
const times = 1_000;

function rowsOf(running: readonly Runaway[], { api, width, start, at }: Asked): readonly object[] {
  const until = Math.min(start + widthSeconds[width], Math.floor(at / 60_000) * minute);
  const hasEnded = start + widthSeconds[width] <= at / 1_000;
  // Costs of today come hours later.
  if (until <= start || (api === 'costs' && !hasEnded)) return [];
  return running.flatMap(({ id, begins }): readonly object[] => {
    const input = usual * (until - start + (times - 1) * Math.max(0, until - Math.max(start, begins)));
    const line = (kind: string, dollars: number) => ({
      project_id: id,
      line_item: `m, ${kind}`,
      amount: { value: dollars.toFixed(12), currency: 'usd' },
    });
    return api === 'costs'
      ? [line('input', (input * 2.5) / 1e6), line('output', input / 1e6)]
      : [{ project_id: id, model: 'm', input_tokens: input, output_tokens: input / 10, num_model_requests: 1 }];
  });
}

/** A sample of a simulated past: its second, and the text of its series and value. */
interface Sample {
  readonly at: number;
  readonly text: string;
}

const wanted = /^openai_(?:spend_estimate_.+|project_spend_estimate_.+|project_info|(?:usage|live)_.+_tokens)$/;

/** Returns what the rules in question read of a page, as a target of this job is scraped. */
function scraped(page: string, job: string, at: number): readonly Sample[] {
  const target = `job="${job}",instance="a"`;
  const samples = page.split('\n').flatMap((line) => {
    const [, name = '', labels, value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    return wanted.test(name) ? [{ at, text: `${name}{${target},${labels}} ${value}` }] : [];
  });
  return [{ at, text: `openai_exporter_build_info{${target}} 1` }, ...samples];
}

const startLive = () => createLiveUsage({ labels: [], maxGroups: 10_000, zeroHold, settleDelay });
/** A record of live usage says everything itself. */
const noDefaults = { api: undefined, labels: new Map() };

/** Lets the organization in which jobs run away live until this second. Returns what was scraped in the last 36 minutes. */
async function spend(running: readonly Runaway[], to: number): Promise<readonly Sample[]> {
  const from = to - 36 * minute;
  const answers = rowsClient((asked) => rowsOf(running, asked));
  const projects = running.map(({ id, name }) => ({ object: 'organization.project', id, name, status: 'active' }));
  const exporter = runExporter({
    start: new Date((from - 10 * minute) * 1_000).toISOString(),
    flags: ['--poll.apis=completions,costs', '--names.refresh=10m'],
    client: (clock, observer) => ({
      async get(request, decode) {
        if (!request.path.endsWith('/projects')) return await answers(clock, observer).get(request, decode);
        const body = Buffer.from(JSON.stringify({ object: 'list', data: projects, has_more: false }));
        const startedAt = clock.now();
        return { value: await decode(body), bytes: body.length, startedAt, endedAt: clock.monotonic() };
      },
    }),
  });
  const { clock } = exporter;
  const live = startLive();
  const samples: Sample[] = [];
  /** The page of live usage: it is made once a second, so it has what was reported until a second before. */
  let page = '';
  await clock.runUntil(from * 1_000);
  for (let second = from; second <= to; second++) {
    if (second % scrapeInterval === 0) samples.push(...scraped(exporter.text() + page, 'spending', second));
    live.spend.goBy(exporter.prices());
    const instant = { now: clock.now(), elapsed: clock.monotonic() };
    const report = (project_id: string, api_key_id: string, input: number) => {
      const record = { input_tokens: input, output_tokens: input / 10, requests: 1 };
      const labels = { project_id, api_key_id };
      const reading = live.read({ api: 'completions', model: 'm', created: second, labels, record }, noDefaults);
      live.count(reading, instant);
    };
    for (const { id, begins, key } of running) {
      if (key === undefined) continue;
      // The usual work is a request in ten seconds, the job one in each.
      if (second % 10 === 0) report(id, usualKey, 10 * usual);
      if (second >= begins) report(id, key, (times - 1) * usual);
    }
    page = livePage(live, settleDelay, instant, exporter.hours());
    await clock.advance(1_000);
  }
  await exporter.end();
  return samples;
}

const demo = demoOrganization(end * 1_000);
const bypassApis = ['completions', 'embeddings'] as const;
/** Projects of the demonstration, and when they begin to go past the gateway: one with an hour, one ten minutes before its end. */
const bypasses = [
  { id: 'proj_research', name: 'Research', begins: end - 150 * minute },
  { id: 'proj_search', name: 'Search', begins: end - 100 * minute },
];

/**
 * Lets the demonstration live until the end. Returns what was scraped once a minute since the first hour that was reported
 * as a whole has settled; nobody goes past the gateway in that one.
 */
async function bypass(): Promise<readonly Sample[]> {
  const from = end - 210 * minute;
  const settled = from + hour + settleDelay / 1_000 + 2 * minute;
  const exporter = runSimulated({
    organization: demo,
    start: new Date((from - 10 * minute) * 1_000).toISOString(),
    flags: [`--poll.apis=${bypassApis.join(',')}`, '--names.refresh=10m'],
  });
  const { clock } = exporter;
  const live = startLive();
  const samples: Sample[] = [];
  await clock.runUntil((from + minute) * 1_000);
  for (let second = from + minute; second <= end; second += minute) {
    const instant = { now: clock.now(), elapsed: clock.monotonic() };
    const bypassedBy = bypasses.filter(({ begins }) => begins < second).map(({ id }) => id);
    for (const record of createGateway({ organization: demo, bypassedBy })(second - minute, second)) {
      live.count(live.read(record, noDefaults), instant);
    }
    const page = livePage(live, settleDelay, instant, exporter.hours());
    if (second >= settled) samples.push(...scraped(exporter.text() + page, 'gateway', second));
    await clock.advance(minute * 1_000);
  }
  await exporter.end();
  return samples;
}

function groupNamed(name: string): RuleGroup {
  const found = ruleGroups.find((group) => group.name === name);
  if (found === undefined) throw new Error(`no group ${name}`);
  return found;
}

function alertNamed(group: string, name: string): Rule {
  const found = groupNamed(group).rules.find(({ alert }) => alert === name);
  if (found === undefined) throw new Error(`no alert ${name}`);
  return found;
}

const runningAway = alertNamed('openai_spend_now_alerts', 'OpenAISpendRunningAway');
const unreported = alertNamed('openai_live_alerts', 'OpenAIUsageUnreported');

/** Seconds of a span as rules and Alertmanager have it. */
function secondsOf(span: string): number {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(span) ?? [];
  const units: Readonly<Record<string, number>> = { s: 1, m: minute, h: hour };
  return Number(count) * (units[unit] ?? Number.NaN);
}

const configuration = z.object({
  route: z.object({ routes: z.array(z.object({ matchers: z.array(z.string()), group_wait: z.string().optional() })) }),
});

/** Seconds that Alertmanager waits, as it is shipped, before it wakes somebody. */
function pageWait(): number {
  const file = fileURLToPath(new URL('../../deploy/alertmanager/alertmanager.yml', import.meta.url));
  const { routes } = configuration.parse(parse(readFileSync(file, 'utf8'))).route;
  return secondsOf(routes.find(({ matchers }) => matchers.join() === 'severity="critical"')?.group_wait ?? '');
}

/** Seconds from a scrape to the webhook at the most: each group of rules has just been evaluated. */
const fromScrape =
  secondsOf(groupNamed('openai_spend_now').interval ?? '1m') +
  secondsOf(groupNamed('openai_spend_now_alerts').interval ?? '1m') +
  pageWait();

/** The labels that an expression has found, and since which second of the simulations. */
interface Found {
  readonly labels: Readonly<Record<string, string>>;
  readonly since: number;
}

const matrix = z.object({
  result: z.array(
    z.object({ metric: z.record(z.string(), z.string()), values: z.array(z.tuple([z.number(), z.string()])) }),
  ),
});

const directory = mkdtempSync(join(tmpdir(), 'wake-'));
const data = join(directory, 'data');
let prometheus: Prometheus | undefined;
let alerting: Alerting | undefined;
/** Seconds from an instant of the simulations to what it becomes in Prometheus. */
let shift = 0;
let spendingShift = 0;
let ranAway: readonly Found[] = [];
let wentPast: readonly Found[] = [];

/** A group of rules by the clock of the jobs that run away, which they ask for what is left of the UTC day. */
function byClock({ rules, ...group }: RuleGroup): RuleGroup {
  const clock = `$1(vector(time() - ${spendingShift}))`;
  return {
    ...group,
    rules: rules.map((rule) => ({ ...rule, expr: rule.expr.replaceAll(/\b(hour|minute)\(\)/g, clock) })),
  };
}

/**
 * @param back seconds before the end, at which the search begins
 * @param by the shift of the simulation whose seconds are wanted
 */
async function search(
  { get }: Prometheus,
  { expr }: Rule,
  { back, step, by }: { readonly back: number; readonly step: number; readonly by: number },
): Promise<readonly Found[]> {
  const now = end + shift;
  // A recorded sample is up to a second younger than what it was made of.
  const span = { start: String(now - back), end: String(now + 1), step: String(step) };
  const { result } = matrix.parse(await get('/api/v1/query_range', { query: expr, ...span }));
  return result.map(({ metric, values: [first] }) => ({ labels: metric, since: (first?.[0] ?? Number.NaN) - by }));
}

beforeAll(async () => {
  if (path === undefined || promtool === undefined || alertmanager === undefined) return;
  const usually = allJobs.map((job) => ({ ...job, begins: Number.POSITIVE_INFINITY }));
  const ofJobs = [
    // What is usual: at the same time a week before nothing ran away.
    ...(await spend(usually, spendingEnd - week + 5 * minute)),
    ...(await spend(allJobs, spendingEnd)),
  ];
  const ofGateways = await bypass();
  alerting = await startAlerting();

  const now = Math.floor(Date.now() / 1_000);
  shift = now - end;
  spendingShift = now - spendingEnd;
  mkdirSync(data);
  importSamples(promtool, data, [
    ...ofJobs.map(({ at, text }) => `${text} ${at + spendingShift}`),
    ...ofGateways.map(({ at, text }) => `${text} ${at + shift}`),
  ]);
  const names = byClock(groupNamed('openai_names'));
  const spendNow = byClock(groupNamed('openai_spend_now'));
  const live = byClock(groupNamed('openai_live'));
  const ofSpending = [...names.rules, ...spendNow.rules];
  const ofGateway = [...names.rules, ...live.rules];
  await recordPast({
    prometheus: path,
    promtool,
    data,
    runs: [
      { rules: ofSpending, from: now - 26 * minute, to: now + 1, step: 1 },
      { rules: ofSpending, from: now - week - 26 * minute, to: now - week + 5 * minute, step: 5 },
      { rules: ofGateway, from: now - 200 * minute, to: now, step: minute },
    ],
  });

  const past = (to: string) => cpSync(data, to, { recursive: true });
  const options = { path, scrapeInterval: '1m', jobs: {}, past };
  const asked = await startPrometheus(options);
  ranAway = await search(asked, runningAway, { back: 25 * minute, step: 1, by: spendingShift });
  wentPast = await search(asked, unreported, { back: 190 * minute, step: minute, by: shift });
  await asked.stop();
  // A Prometheus that starts reads here for how long an alert has been so.
  const states = wentPast.flatMap(({ labels, since }) => {
    const all = { ...labels, ...unreported.labels, alertname: unreported.alert ?? '' };
    const text = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
    return Array.from({ length: (end - since) / minute + 1 }, (_, index) => {
      return `ALERTS_FOR_STATE{${text.join(',')}} ${since + shift} ${since + shift + index * minute}`;
    });
  });
  importSamples(promtool, data, states);
  prometheus = await startPrometheus({
    ...options,
    rules: [names, spendNow, live, { name: 'alerts', interval: '1s', rules: [runningAway, unreported] }],
    alertmanager: alerting.address,
  });
}, 600_000);

afterAll(async () => {
  await prometheus?.stop();
  await alerting?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Returns since when an alert has been there for a project. */
function sinceOf(found: readonly Found[], job: string, name: string): number {
  const own = found.find(({ labels }) => labels['job'] === job && labels['project_name'] === name);
  if (own === undefined) throw new Error(`nothing was found of ${name}`);
  return own.since;
}

/** Waits for the message of an alert on a project. */
async function messageOf(receiver: string, title: RegExp): Promise<Message> {
  return await vi.waitFor(
    () => {
      const found = alerting?.messages.find((message) => message.receiver === receiver && title.test(message.title));
      if (found === undefined) throw new Error(`no ${title} in ${alerting?.messages.map((each) => each.title).join()}`);
      return found;
    },
    { timeout: 30_000, interval: 250 },
  );
}

/** Expects that all that runs away is told by name, and returns how many seconds after its first request it was scraped. */
async function expectWoken(running: readonly Runaway[]): Promise<number> {
  for (const { id, name } of running) {
    const { link, text } = await messageOf(
      'page',
      new RegExp(`^\\[critical\\] ${name} is on its way to \\d+ usd, which`),
    );
    expect(link).toBe(`http://localhost:3000/d/openai-costs?var-job=spending&var-project=${id}`);
    expect(text).toMatch(
      new RegExp(`Project ${name} \\(job spending\\) has spent about \\d+\\.\\d\\d usd in the last hour`),
    );
    // A dollar an hour: of the day, and of the next six hours.
    expect(text).toMatch(/at this hour on this day of the last weeks that was (?:29|30)\.\d\d\./);
  }
  return Math.max(...running.map(({ name, begins }) => sinceOf(ranAway, 'spending', name) - begins));
}

/** A number of thousands or millions as Prometheus's templates write it. */
function humanized(value: number): string {
  const [unit, size] = value < 1e6 ? ['k', 1e3] : ['M', 1e6];
  return `${Number((value / size).toPrecision(4))}${unit}`;
}

const say = (text: string) => process.stderr.write(`${text}\n`);

describe.skipIf(isMissing)('a job that runs away reaches the webhook', () => {
  test('within 20 minutes, by usage alone', async () => {
    const delay = await expectWoken(jobs.unreported);
    // Here a poll and a scrape come with the minute; elsewhere they come later by as much as lies between two of them.
    const most = delay + pollInterval + scrapeInterval + fromScrape;
    say(`by usage alone: scraped after ${delay} s, at the webhook after ${most} s at the most`);
    expect(most).toBeLessThanOrEqual(20 * minute);
  });

  test.each([
    ['of a key that is known', jobs.ofKnownKey],
    ['of a key that was not used before', jobs.ofNewKey],
  ])('within a minute, with live usage %s', async (of, running) => {
    const delay = await expectWoken(running);
    say(`with live usage ${of}: scraped after ${delay} s, at the webhook after ${delay + fromScrape} s at the most`);
    expect(delay + fromScrape).toBeLessThanOrEqual(minute);
  });
});

describe.skipIf(isMissing)('usage that goes past the gateway reaches the webhook', () => {
  /** Tokens of the newest settled hour. */
  const usedOf = (project: string) => {
    const span = { from: end - 90 * minute, to: end - 30 * minute };
    return bypassApis
      .flatMap((api) => demo.truth.usage(api, span, { at: end * 1_000, only: new Map([['project_id', [project]]]) }))
      .reduce((sum, { fields }) => sum + (fields.get('input_tokens') ?? 0) + (fields.get('output_tokens') ?? 0), 0);
  };

  test('with the name of each project that does, and of no other, after two settled hours', async () => {
    for (const { id, name, begins } of bypasses) {
      const { title, text, link } = await messageOf('notify', new RegExp(`^\\[warning\\] ${name} has used`));
      const used = humanized(usedOf(id));
      expect(title).toBe(`[warning] ${name} has used ${used} tokens in an hour that nobody reported`);
      expect(text).toContain(
        `${name} (job gateway) used ${used} tokens in the newest settled hour. Of these, ${used} were`,
      );
      expect(link).toBe(`http://localhost:3000/d/openai-live?var-job=gateway&var-project=${id}`);
      const delay = sinceOf(wentPast, 'gateway', name) + secondsOf(unreported.for ?? '') - begins;
      say(`${name} goes past the gateway: told after ${delay / minute} minutes`);
      expect(delay).toBeLessThanOrEqual(3 * hour + 20 * minute);
    }
    const told = alerting?.messages.filter(({ receiver }) => receiver === 'notify') ?? [];
    expect(told).toHaveLength(bypasses.length);
  });
});
