/** Tests that what the API does not grant is left out and said; what is counted adds up all the same, whatever changes when. */
import { afterEach, describe, expect, test } from 'vitest';
import { endpointOf } from '../../src/openai/catalogue.ts';
import { createOrganization, type Organization } from '../../src/simulation/organization.ts';
import { decodeState, encodeState, type State } from '../../src/state/codec.ts';
import { type FaultRule, refuseDimension } from '../helpers/faults.ts';
import { type RunningExporter, runExporter, runSimulated } from '../helpers/running-exporter.ts';
import { createScraper, type Scraper } from '../helpers/scraper.ts';
import { simulatedClient } from '../helpers/simulated-client.ts';
import { SimulatedDispatcher } from '../helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const total = 'openai_completions_input_tokens_total';
const wanted = endpointOf('completions')?.dimensions ?? [];

function organizationUntil(closed: string, created = '2026-11-18T00:00Z'): Organization {
  return createOrganization({
    seed: 7,
    createdAt: Date.parse(created) / 1_000,
    closedAt: Date.parse(closed) / 1_000,
    profile: {
      groups: { completions: 9, costs: 4 },
      activity: 0.2,
      restatedUp: 0.03,
      restatedDown: 0.02,
      restatedMove: 0.01,
      rhythm: false,
    },
  });
}

interface Watch {
  /** Returns what Prometheus adds up of all series, and the first samples of the first page with counters. */
  counted(): number;
  /** Returns what the exporter says that it holds back, and what it said before the first reset. */
  heldBack(): Promise<number>;
  heldBackThen(): number;
  /** The label names of the series on the page, without order. */
  labels(): readonly string[];
  /** The sum of all series, at each scrape since the first. */
  readonly sums: number[];
  readonly scraper: Scraper;
  /** The sum of the first samples; undefined until there are any. */
  baseline(): number | undefined;
  until(utc: string): Promise<void>;
}

/** Scrapes every 15 seconds, as Prometheus would. @param before the watch of the process before, to go on with */
function watch(exporter: RunningExporter, before?: Watch): Watch {
  const scraper = before?.scraper ?? createScraper();
  let baseline = before?.baseline();
  const sums = before?.sums ?? [];
  let held = 0;
  let last: unknown;
  const heldBack = async () =>
    (await exporter.self('openai_exporter_held_back{api="completions",field="input_tokens"}')) ?? 0;
  const sumOf = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);
  return {
    scraper,
    sums,
    baseline: () => baseline,
    counted: () => (baseline ?? 0) + sumOf(scraper.rises.values()),
    heldBack,
    heldBackThen: () => held,
    labels: () => Object.keys(exporter.page().families.get(total)?.samples[0]?.labels ?? {}),
    async until(utc) {
      while (exporter.clock.now() < Date.parse(utc)) {
        await exporter.clock.advance(15_000);
        // A scrape of the same page tells nothing new.
        const page = exporter.shown.current();
        if (page === last) continue;
        last = page;
        const samples = new Map(
          (exporter.page().families.get(total)?.samples ?? []).map(({ labels, value }) => [
            JSON.stringify(labels),
            value,
          ]),
        );
        if (samples.size === 0) continue;
        baseline ??= sumOf(samples.values());
        sums.push(sumOf(samples.values()));
        scraper.scrape(samples);
        if (scraper.resets.size === 0) held = await heldBack();
      }
    },
  };
}

/** Starts one process after the other, each with the state that the one before has left. */
function withDisk(organization: Organization) {
  let disk: Buffer | undefined;
  return (at: string, faults: readonly FaultRule[]): RunningExporter => {
    const clock = createVirtualClock({ start: Date.parse(at) });
    const dispatcher = new SimulatedDispatcher({ organization, clock, faults });
    running = runExporter({
      clock,
      flags: ['--poll.apis=completions'],
      client: (_, observer) => simulatedClient({ dispatcher, clock, observer }),
      memory: {
        fingerprint: 'mine',
        earlier: disk === undefined ? undefined : decodeState(disk),
        save: async (state: State) => {
          disk = encodeState(state);
        },
      },
    });
    return running;
  };
}

const without = (...left: readonly string[]) => wanted.filter((name) => !left.includes(name));

const refusedMetric = (api: string, dimension: string) =>
  running?.self(`openai_exporter_dimension_refused{api="${api}",dimension="${dimension}"}`);

const warnings = (pattern: RegExp) => running?.log.of('warn', 'error').filter((line) => pattern.test(line)) ?? [];

const span = (to: number) => ({ from: Date.parse('2026-11-01T00:00Z') / 1_000, to: to / 1_000 });

async function truthOf(organization: Organization, seen: Watch): Promise<void> {
  const month = Date.parse('2026-12-01T00:00Z');
  const truth = organization.truth.sum('completions', 'input_tokens', span(month));
  expect(truth).toBeGreaterThan(0);
  expect(seen.counted() - (await seen.heldBack())).toBe(truth);
  // Of all groups together it never falls, and never jumps ahead.
  expect(seen.sums.every((sum, index) => sum >= (seen.sums[index - 1] ?? 0))).toBe(true);
  expect((seen.sums.at(-1) ?? 0) - (await seen.heldBack())).toBe(truth);
}

describe.each(['all', 'name', 'index', 'nothing'] as const)(
  'a dimension that is refused, which the API says by %s',
  (says) => {
    test('is left out from the start, and said once', async () => {
      running = runSimulated({
        start: '2026-11-20T09:27:03Z',
        flags: ['--poll.apis=completions'],
        organization: organizationUntil('2026-11-20T12:00Z'),
        faults: [refuseDimension('completions', 'user_id', { says })],
      });
      const seen = watch(running);
      await seen.until('2026-11-20T09:40Z');
      expect(seen.labels()).toEqual(without('user_id'));
      expect(await refusedMetric('completions', 'user_id')).toBe(1);
      expect(warnings(/does not grant grouping by user_id/)).toHaveLength(1);
      expect(warnings(/./)).toHaveLength(1);
      expect(await running.self('openai_up{api="completions"}')).toBe(1);
      expect(await running.self('openai_exporter_poll_failures_total{api="completions",reason="rejected"}')).toBe(0);
    });
  },
);

describe('a dimension that is refused', () => {
  test.each([
    ['at the start, and granted the next day', { to: Date.parse('2026-11-20T23:00Z') }, wanted],
    ['after counters were shown', { from: Date.parse('2026-11-20T22:40Z') }, without('api_key_id')],
  ] as const)(
    '%s: what Prometheus sees adds up',
    async (_, when, labels) => {
      const organization = organizationUntil('2026-11-21T01:00Z');
      running = runSimulated({
        start: '2026-11-20T21:27:03Z',
        flags: ['--poll.apis=completions'],
        organization,
        faults: [refuseDimension('completions', 'api_key_id', { says: 'nothing', ...when })],
      });
      const seen = watch(running);
      await seen.until('2026-11-20T22:30Z');
      expect(seen.labels()).toEqual('to' in when ? without('api_key_id') : wanted);
      await seen.until('2026-11-21T00:20Z');
      expect(seen.labels()).toEqual(labels);
      expect(await refusedMetric('completions', 'api_key_id')).toBe('to' in when ? undefined : 1);
      await seen.until('2026-11-21T03:40Z');
      await truthOf(organization, seen);
      expect(warnings(/does not grant grouping by api_key_id/)).toHaveLength(1);
      expect(warnings(/./)).toHaveLength(1);
    },
    120_000,
  );

  test('after the month has ended and before its last total is shown: both months add up', async () => {
    const organization = organizationUntil('2026-12-01T02:00Z', '2026-11-29T00:00Z');
    running = runSimulated({
      start: '2026-11-30T22:27:03Z',
      flags: ['--poll.apis=completions'],
      organization,
      faults: [refuseDimension('completions', 'service_tier', { from: Date.parse('2026-12-01T00:05Z') })],
    });
    const seen = watch(running);
    await seen.until('2026-12-01T04:40Z');
    expect(seen.labels()).toEqual(without('service_tier'));
    const truth = organization.truth.sum('completions', 'input_tokens', span(Date.parse('2027-01-01T00:00Z')));
    expect(seen.counted() - seen.heldBackThen() - (await seen.heldBack())).toBe(truth);
  }, 120_000);

  test.each([
    ['with others, one after another', without('batch', 'user_id', 'model')],
    ['with all others: then nothing is grouped by', []],
  ])(
    '%s',
    async (_, left) => {
      const organization = organizationUntil('2026-11-20T22:00Z');
      const forms = ['nothing', 'name', 'index'] as const;
      running = runSimulated({
        start: '2026-11-20T21:27:03Z',
        flags: ['--poll.apis=completions'],
        organization,
        faults: without(...left).map((name, index) =>
          refuseDimension('completions', name, { says: forms[index % 3] ?? 'all' }),
        ),
      });
      const seen = watch(running);
      await seen.until('2026-11-21T00:40Z');
      expect(seen.labels()).toEqual(left);
      for (const name of wanted)
        expect(await refusedMetric('completions', name)).toBe(left.includes(name) ? undefined : 1);
      await truthOf(organization, seen);
    },
    120_000,
  );

  test.each([
    ['until those are no longer needed', '2026-11-30T22:47:03Z', '2026-12-01T01:15Z', wanted],
    ['also when it is tried again', '2026-11-29T23:27:03Z', '2026-11-30T00:20Z', without('user_id')],
  ])(
    'for spans that begin before a date: the api goes on without it %s',
    async (_, start, end, labels) => {
      const exporter = runSimulated({
        start,
        flags: ['--poll.apis=completions'],
        organization: organizationUntil('2026-12-01T20:00Z', '2026-11-28T00:00Z'),
        faults: [refuseDimension('completions', 'user_id', { startBefore: Date.parse('2026-11-29T00:00Z') / 1_000 })],
      });
      running = exporter;
      const { until, minutes, page, log, dispatcher, self } = exporter;
      const shown = () => Object.keys(page().families.get(total)?.samples[0]?.labels ?? {});
      await minutes(20);
      expect(shown()).toEqual(without('user_id'));
      expect(await self('openai_up{api="completions"}')).toBe(1);
      expect(await refusedMetric('completions', 'user_id')).toBe(1);
      await until(end);
      expect(shown()).toEqual(labels);
      expect(await self('openai_up{api="completions"}')).toBe(1);
      expect(warnings(/does not grant grouping by user_id/)).toHaveLength(1);
      expect(warnings(/./)).toHaveLength(1);
      const isGranted = labels === wanted;
      expect(await refusedMetric('completions', 'user_id')).toBe(isGranted ? undefined : 1);
      const granted = log.of('info').filter((line) => /grants grouping by user_id again/.test(line));
      expect(granted).toHaveLength(isGranted ? 1 : 0);
      const triedAgain = dispatcher.requests.filter(
        ({ query, receivedAt }) =>
          query.getAll('group_by[]').includes('user_id') && receivedAt > Date.parse(end) - 3_600_000,
      );
      expect(triedAgain.length).toBeGreaterThan(0);
    },
    120_000,
  );

  test('until a restart with a state file: the sum of all goes on from where it was', async () => {
    const organization = organizationUntil('2026-11-21T00:00Z');
    const live = withDisk(organization);
    const before = watch(live('2026-11-20T21:27:03Z', [refuseDimension('completions', 'user_id')]));
    await before.until('2026-11-20T21:50Z');
    expect(before.labels()).toEqual(without('user_id'));
    await running?.end();
    const after = watch(live('2026-11-20T22:30:03Z', []));
    await after.until('2026-11-20T22:50Z');
    expect(after.labels()).toEqual(wanted);
    expect(after.sums[0]).toBe(before.sums.at(-1));
    expect(after.sums.at(-1)).toBeGreaterThan(after.sums[0] ?? 0);
    await after.until('2026-11-21T00:40Z');
    await truthOf(organization, after);
  }, 120_000);

  test.each([
    ['once', 1],
    ['again, as soon as its values are back', 2],
  ])(
    'after counters were shown, and a restart before anybody has scraped what took their place: %s',
    async (_, restarts) => {
      const organization = organizationUntil('2026-11-21T01:00Z');
      const live = withDisk(organization);
      const refusal = refuseDimension('completions', 'user_id', { from: Date.parse('2026-11-20T21:55Z') });
      let seen = watch(live('2026-11-20T21:27:03Z', [refusal]));
      await seen.until('2026-11-20T21:54Z');
      expect(seen.labels()).toEqual(wanted);
      const unscraped = async () => {
        while (seen.labels().length !== wanted.length - 1) await running?.clock.advance(1_000);
        await running?.end();
      };
      await seen.until('2026-11-20T21:56Z');
      await unscraped();
      for (let restart = 1; restart <= restarts; restart++) {
        seen = watch(live(`2026-11-20T${21 + restart}:40:03Z`, [refusal]), seen);
        if (restart < restarts) await unscraped();
      }
      await seen.until('2026-11-21T03:40Z');
      expect(seen.labels()).toEqual(without('user_id'));
      await truthOf(organization, seen);
    },
    120_000,
  );

  test('though the user named it: the poll fails, and the advice names what works', async () => {
    running = runSimulated({
      start: '2026-11-20T09:27:03Z',
      flags: ['--poll.apis=completions', '--poll.group-by=project_id,user_id,model'],
      organization: organizationUntil('2026-11-20T12:00Z'),
      faults: [refuseDimension('completions', 'user_id', { says: 'nothing' })],
    });
    await running.minutes(30);
    expect(await running.self('openai_up{api="completions"}')).toBe(0);
    expect(running.exporter.apis[0]?.status.failure?.whatToDo).toBe(
      'OpenAI does not grant grouping completions by user_id: use --poll.group-by=project_id,model, or --poll.group-by=all, which leaves out what is not granted.',
    );
    expect(await refusedMetric('completions', 'user_id')).toBeUndefined();
    expect(warnings(/--poll\.group-by=project_id,model/).length).toBeGreaterThan(0);
  });
});
