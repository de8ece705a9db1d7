/**
 * One replica over its whole life: the real exporter, started and stopped, on a clock that can be wrong, before a
 * simulated API that can fail; and two scrapers that watch it.
 */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../src/clock.ts';
import type { Logger } from '../../src/log.ts';
import type { PageSource } from '../../src/metrics/page.ts';
import { createShownPage } from '../../src/metrics/shown-page.ts';
import type { Client } from '../../src/openai/client.ts';
import { createExporter, type Exporter } from '../../src/reader/exporter.ts';
import type { Settings } from '../../src/settings/settings.ts';
import type { Organization } from '../../src/simulation/organization.ts';
import { decodeState, encodeState } from '../../src/state/codec.ts';
import { takeoverDelay } from '../../src/usage/settle.ts';
import { hour, minute } from '../../src/usage/windows.ts';
import { demoSettings } from '../helpers/demo-settings.ts';
import type { FaultRule } from '../helpers/faults.ts';
import { simulatedClient } from '../helpers/simulated-client.ts';
import { SimulatedDispatcher } from '../helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';
import { counterNames } from './exposition.ts';
import { createWatcher, type ScrapeContext, type Watcher } from './prometheus.ts';
import { createRandom } from './random.ts';
import { monthOf, type ReplicaPlan, type Scenario } from './scenario.ts';
import { createWitness } from './witness.ts';

/** Milliseconds between two scrapes, and after midnight. */
export const scrapers = [
  { every: 15_000, phase: 4_300 },
  { every: 60_000, phase: 41_700 },
] as const;

export interface Watched {
  readonly every: number;
  readonly watcher: Watcher;
  /** The amounts by api and period: what the process held back just before its rollover. */
  readonly heldBefore: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** The amounts by api and period: what the API had said of the period, field → amount, when it was seen to be over. */
  readonly saidBefore: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export interface Life {
  readonly plan: ReplicaPlan;
  readonly organization: Organization;
  readonly watched: readonly Watched[];
  /** The state at the end, by api: field → amount, off the exporter's own metric. */
  readonly heldBack: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Each hour in which all is well: instant → api and field → sum of the series less what is held back. */
  readonly checkpoints: ReadonlyMap<number, ReadonlyMap<string, number>>;
  readonly requests: number;
  readonly restarts: number;
  readonly faults: readonly string[];
}

interface Process {
  readonly exporter: Exporter;
  readonly shown: PageSource;
  readonly context: Omit<ScrapeContext, 'at'>;
  stop(): Promise<void>;
}

const uncompressed = (text: Uint8Array) => ({ bytes: text, length: text.length, crc: 0 });

export async function live(scenario: Scenario, plan: ReplicaPlan, organization: Organization): Promise<Life> {
  const { seed, start, end } = scenario;
  const settings = settingsOf(plan);
  const random = createRandom(seed, 100 + plan.name.charCodeAt(0));
  const clock = createVirtualClock({ start });
  let error = 0;
  const ownClock: Clock = { now: () => clock.now() + error, monotonic: clock.monotonic, sleep: clock.sleep };
  const rules: FaultRule[] = [...scenario.refusals];
  /** The dimensions on show an hour ago, by api. */
  const grouped = new Map<string, string>();
  const witness = createWitness(organization, settings.poll.settleDelay);
  const dispatcher = new SimulatedDispatcher({
    organization,
    clock,
    faults: rules,
    latency: (request) => {
      witness.asked(request.path, request.query, request.receivedAt);
      return Math.round(random.between(50, 900));
    },
  });
  const faults: string[] = [];
  const fault = (text: string) => {
    if (faults.length < 50) faults.push(`${new Date(clock.now()).toISOString()} ${text}`);
  };
  const log: Logger = { debug() {}, info() {}, warn() {}, error: (message) => fault(`logged: ${message}`) };
  const watched = scrapers.map(({ every }) => ({
    every,
    watcher: createWatcher(monthOf),
    heldBefore: new Map<string, ReadonlyMap<string, number>>(),
    saidBefore: new Map<string, ReadonlyMap<string, number>>(),
  }));
  const checkpoints = new Map<number, ReadonlyMap<string, number>>();

  let memory: Buffer | undefined;
  let processes = 0;
  let disturbed = start;
  let running: Process | undefined;

  function boot(): Process {
    const stop = new AbortController();
    // Every poller listens, as in the program.
    setMaxListeners(0, stop.signal);
    const fingerprint = 'the settings of the proof';
    let alive = true;
    witness.forget();
    const lastPeriod = [...settings.poll.apis].flatMap((api) => watched[0]?.watcher.period(api) ?? []);
    const context = {
      process: processes,
      remembers: plan.remembers,
      since: clock.now(),
      firstPeriod:
        plan.remembers && lastPeriod.length > 0
          ? Math.max(...lastPeriod)
          : monthOf(ownClock.now() - takeoverDelay(settings.poll.settleDelay)),
    };
    processes++;
    const shown = createShownPage();
    const exporter = createExporter({
      settings,
      clock: ownClock,
      log,
      version: '0.0.0',
      revision: 'proof',
      show: shown.show,
      compress: uncompressed,
      ...(plan.remembers
        ? {
            memory: {
              fingerprint,
              earlier: memory === undefined ? undefined : decodeState(memory),
              save: (state) => {
                if (alive) memory = encodeState(state);
                return Promise.resolve();
              },
            },
          }
        : {}),
      client: (observer): Client =>
        witness.watch(
          simulatedClient({
            dispatcher,
            clock: ownClock,
            observer,
            maxPerMinute: settings.openai.maxRequestsPerMinute,
            timeoutMs: settings.openai.timeout,
            random: random.next,
          }),
        ),
    });
    const ended = exporter.run(stop.signal).catch((failure: unknown) => {
      if (!stop.signal.aborted) fault(`the exporter ended: ${String(failure)}`);
    });
    return {
      exporter,
      shown,
      context,
      async stop() {
        alive = false;
        stop.abort();
        await clock.drain();
        await ended;
      },
    };
  }

  /** The amounts by api: field → amount that the counters on show hold back. */
  function heldBy({ exporter }: Process): Map<string, Map<string, number>> {
    return new Map(
      exporter.apis.map(({ endpoint, account }) => [
        endpoint.api,
        new Map(
          [...(account.book?.heldBack ?? [])].map(([field, amount]) => [
            account.ledger.fields.all[field]?.name ?? '',
            amount,
          ]),
        ),
      ]),
    );
  }

  let heldNow = new Map<string, Map<string, number>>();

  function scrape(index: number): void {
    const each = watched[index];
    if (running === undefined || each === undefined) return;
    const { watcher } = each;
    const known = watcher.periodEnds.length;
    watcher.scrape(running.shown.current().plain, { ...running.context, at: clock.now() });
    for (const { api, period, witnessed } of watcher.periodEnds.slice(known)) {
      if (!witnessed) continue;
      each.heldBefore.set(`${api} ${period}`, heldNow.get(api) ?? new Map());
      each.saidBefore.set(`${api} ${period}`, witness.said(api, period, monthOf(period + 32 * 24 * hour)));
    }
    if (index === watched.length - 1) heldNow = heldBy(running);
  }

  /** The page must be what the API has said, in an hour after one in which nothing failed. */
  function check(): void {
    const now = clock.now();
    if (
      running === undefined ||
      rules.length > scenario.refusals.length ||
      error !== 0 ||
      now - disturbed < 75 * minute
    )
      return;
    if (scenario.monthEnds.some((at) => now > at - 2 * hour && now < at + 3 * hour)) return;
    const sums = new Map<string, number>();
    const held = heldBy(running);
    const watcher = watched[0]?.watcher;
    for (const api of settings.poll.apis) {
      const period = watcher?.period(api);
      const account = running.exporter.apis.find(({ endpoint }) => endpoint.api === api)?.account;
      const book = account?.book;
      // What was read by other dimensions is not on show yet, or only just.
      const dimensions = account?.ledger.groups.dimensions.join() ?? '';
      const isNew = grouped.get(api) !== dimensions;
      grouped.set(api, dimensions);
      if (isNew || account?.isRegrouping === true) continue;
      if (watcher === undefined || period === undefined || book === undefined) continue;
      // Nothing of this period was on a page yet.
      if (book.ledger.anchor * 1_000 !== period) continue;
      // A series that begins stays at 0 for a while.
      if (book.nextChange !== Number.POSITIVE_INFINITY) continue;
      const said = witness.said(api, period, now);
      const onPage = watcher.shown(api);
      for (const { field } of counterNames.filter((counter) => counter.api === api)) {
        let sum = 0;
        for (const value of onPage.get(field)?.values() ?? []) sum += value;
        sum -= held.get(api)?.get(field) ?? 0;
        sums.set(`${api} ${field}`, sum);
        const expected = said.get(field) ?? 0;
        if (sum !== expected) fault(`${api} ${field}: shows ${sum} in all, but the API has said ${expected}`);
      }
    }
    checkpoints.set(now, sums);
  }

  const events = eventsOf(scenario, plan, {
    stop: async () => {
      await running?.stop();
      running = undefined;
    },
    boot: () => {
      running = boot();
    },
    clockError: (to) => {
      error = to;
    },
    rules: (of) => {
      rules.splice(0, rules.length, ...scenario.refusals, ...of);
    },
    disturbed: () => {
      disturbed = clock.now();
    },
    scrape,
    check,
  });

  running = boot();
  for (const [at, event] of events) {
    await clock.advance(at - clock.now());
    await event();
  }

  const heldBack = heldIn((await running?.exporter.self.text()) ?? '');
  await running?.stop();
  const requests = [...dispatcher.counts.values()].reduce((sum, count) => sum + count, 0);
  if (clock.now() < end) fault('the life was not lived to its end');
  for (const { watcher, every } of watched)
    faults.push(...watcher.faults.map((text) => `at ${every / 1_000} s: ${text}`));
  return { plan, organization, watched, heldBack, checkpoints, requests, restarts: processes - 1, faults };
}

interface Actions {
  stop(): Promise<void>;
  boot(): void;
  clockError(error: number): void;
  rules(rules: readonly FaultRule[]): void;
  /** Something is not as it should be, from or until now. */
  disturbed(): void;
  scrape(index: number): void;
  check(): void;
}

type Event = readonly [at: number, event: () => void | Promise<void>];

/** All that happens to a replica, in order. */
function* eventsOf(scenario: Scenario, plan: ReplicaPlan, actions: Actions): Generator<Event> {
  const { start, end, outages, faults } = scenario;
  const spells = [...outages, ...faults];
  const planned: Event[] = [];
  const around = (from: number, to: number, begin: Event[1], after: Event[1]) => {
    const mark = (event: Event[1]) => async () => {
      actions.disturbed();
      await event();
    };
    planned.push([from, mark(begin)], [to, mark(after)]);
  };
  for (const { from, to } of plan.downtimes) around(from, to, actions.stop, actions.boot);
  for (const { from, to, error } of plan.clockErrors) {
    around(
      from,
      to,
      () => actions.clockError(error),
      () => actions.clockError(0),
    );
  }
  // Spells can overlap, so what holds at an instant is worked out anew; an outage goes first.
  const setRules = (at: number) => () =>
    actions.rules(
      spells
        .filter(({ from, to }) => at >= from && at < to)
        .flatMap(({ faults, from }) =>
          faults.map(({ fault, chance }) => ({ when: { chance, seed: Math.floor(from / minute) }, fault })),
        ),
    );
  for (const { from, to } of spells) around(from, to, setRules(from), setRules(to));
  planned.sort(([a], [b]) => a - b);

  const periodic = [
    ...scrapers.map(({ every, phase }, index) => ({ every, phase, event: () => actions.scrape(index) })),
    // Late in the hour, when everything has been read that was due in it, and scraped; no poll begins just then.
    { every: hour, phase: 50 * minute + 20_500, event: () => actions.check() },
  ].map((each) => ({ ...each, next: Math.ceil((start + 1 - each.phase) / each.every) * each.every + each.phase }));

  let index = 0;
  for (;;) {
    const soonest = periodic.reduce((a, b) => (b.next < a.next ? b : a));
    const event = planned[index];
    if (event !== undefined && event[0] <= soonest.next && event[0] < end) {
      index++;
      if (event[0] > start) yield event;
      continue;
    }
    if (soonest.next > end) break;
    yield [soonest.next, soonest.event];
    soonest.next += soonest.every;
  }
  yield [end, () => undefined];
}

function settingsOf(plan: ReplicaPlan): Settings {
  const flags = plan.apis === undefined ? plan.flags : [...plan.flags, `--poll.apis=${plan.apis.join(',')}`];
  return demoSettings(flags);
}

/** `openai_exporter_held_back{api, field}` by api and field. */
function heldIn(text: string): Map<string, Map<string, number>> {
  const held = new Map<string, Map<string, number>>();
  for (const [, labels = '', value = ''] of text.matchAll(/^openai_exporter_held_back\{(.*)\} (.*)$/gm)) {
    const of = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    const fields = held.get(of('api')) ?? new Map<string, number>();
    held.set(of('api'), fields.set(of('field'), Number(value)));
  }
  return held;
}
