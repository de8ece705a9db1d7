/**
 * Describes what happens in the proof, as data that follows from a seed: who uses what, how late and wrong the API is, when it
 * fails, when the processes stop and start, when their clocks are wrong.
 */
import type { Organization } from '../../src/simulation/organization.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { customProfile, type Profile } from '../../src/simulation/profile.ts';
import { day, hour, minute } from '../../src/usage/windows.ts';
import { type Fault, type FaultRule, refuseDimension } from '../helpers/faults.ts';
import { createRandom, type Random } from './random.ts';

/** Instants are UTC milliseconds. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** A time in which requests meet faults. */
export interface Spell extends Interval {
  readonly faults: readonly { readonly fault: Fault; readonly chance: number }[];
}

export interface ReplicaPlan {
  readonly name: string;
  /** True if it keeps what `--state.file` keeps. */
  readonly remembers: boolean;
  readonly flags: readonly string[];
  /** Apis that it polls and that are judged; undefined for all. */
  readonly apis?: readonly string[];
  /** The spans in which no process runs. */
  readonly downtimes: readonly Interval[];
  /** The spans in which its clock is wrong, and by how much, in milliseconds. */
  readonly clockErrors: readonly (Interval & { readonly error: number })[];
}

export interface Scenario {
  readonly seed: number;
  readonly days: number;
  readonly start: number;
  readonly end: number;
  /** The organization is closed then: what comes after is time to read everything once more. */
  readonly closedAt: number;
  readonly createdAt: number;
  readonly monthEnds: readonly number[];
  readonly outages: readonly Spell[];
  readonly faults: readonly Spell[];
  /** Dimensions that are not granted, and when. */
  readonly refusals: readonly FaultRule[];
  readonly replicas: readonly ReplicaPlan[];
}

/** Time for the last daily read, with a margin. */
const settling = 27 * hour;

export const leastDays = 4;
export const mostDays = 300;

/** Apis that are used around the clock; the others now and then, as is a third of the groups of these. */
const busy = ['completions', 'embeddings'];

export function monthOf(instant: number): number {
  const date = new Date(instant);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

function monthAfter(instant: number): number {
  const date = new Date(instant);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

export function organizationOf(scenario: Pick<Scenario, 'seed' | 'createdAt' | 'closedAt'>): Organization {
  return createOrganization({
    seed: scenario.seed,
    createdAt: scenario.createdAt / 1_000,
    closedAt: scenario.closedAt / 1_000,
    profile: profileOf(scenario.seed),
  });
}

function profileOf(seed: number): Profile {
  const profile = customProfile(seed, {
    groups: {
      completions: 9,
      decisions: 4,
      embeddings: 6,
      web_search_calls: 4,
      moderations: 4,
      images: 4,
      audio_speeches: 4,
      audio_transcriptions: 4,
      code_interpreter_sessions: 4,
      file_search_calls: 4,
      costs: 4,
    },
    activity: 0.1,
    restatedUp: 0.03,
    restatedDown: 0.015,
    restatedMove: 0.01,
    missingFields: 0.05,
    repeatedRows: 0.05,
    zeroRows: 0.02,
    rhythm: false,
  });
  const usage = new Map(
    [...profile.usage].map(([api, groups]) => [
      api,
      groups.map((group, index) => {
        if (busy.includes(api) && index % 3 !== 2) return group;
        // A minute in some days, so that some are born while nobody looks.
        return { ...group, minutes: busy.includes(api) ? 0.02 : 0.002 + 0.001 * index };
      }),
    ]),
  );
  return { ...profile, usage };
}

/**
 * @param refusedRows whether a page can also hold rows that are none: they are left out of their bucket until it is
 *   read again, so a process that starts meanwhile shows less than the API recorded
 */
export function createScenario(seed: number, days: number, refusedRows: boolean): Scenario {
  const random = createRandom(seed, 1);
  // A month's end comes early enough that what follows it is seen, too.
  const firstMonthEnd = Date.UTC(2027, 1, 1);
  const roughStart = firstMonthEnd - Math.min(8, days * 0.48) * day + Math.floor(random.between(0, 60)) * minute;
  const createdAt = Math.floor((roughStart - 3 * day) / hour) * hour;
  const end = roughStart + days * day;
  const closedAt = Math.floor((end - settling) / hour) * hour;
  const monthEnds: number[] = [];
  for (let at = firstMonthEnd; at < end; at = monthAfter(at)) monthEnds.push(at);

  const start = quietStart(seed, createdAt, closedAt, roughStart);
  const outages = outagesOf(random, start, closedAt, monthEnds);
  return {
    seed,
    days,
    start,
    end,
    closedAt,
    createdAt,
    monthEnds,
    outages,
    faults: faultsOf(createRandom(seed, 2), start, closedAt, monthEnds, refusedRows),
    refusals: refusalsOf(start),
    replicas: replicasOf(seed, start, closedAt, monthEnds),
  };
}

/** Finds an instant from which on nothing is restated for a while, so that what the first samples leave out is a number of the API's. */
function quietStart(seed: number, createdAt: number, closedAt: number, from: number): number {
  const organization = organizationOf({ seed, createdAt, closedAt });
  const seen = (at: number, to: number) =>
    JSON.stringify(
      [...organization.profile.usage.keys()]
        .filter((api) => api !== 'costs')
        .map((api) =>
          organization.truth
            .usage(api, { from: createdAt / 1_000, to: to / 1_000 - 900 }, { at })
            .map(({ fields }) => [...fields]),
        ),
    );
  for (let start = from; ; start += minute) {
    if (seen(start, start) === seen(start + 4 * minute, start)) return start;
  }
}

function outagesOf(random: Random, start: number, closedAt: number, monthEnds: readonly number[]): Spell[] {
  const [first = start] = monthEnds;
  const outages: Spell[] = [];
  const add = (from: number, to: number) => outages.push(...outage(Math.round(from), Math.round(to)));
  // A day of it, in the middle of the shortest run as in that of a longer one.
  const from = first - day - random.between(2, 8) * hour;
  add(from, from + day);
  for (const [index, at] of monthEnds.entries()) {
    if (index % 2 === 1) add(at - random.between(1, 90) * minute, at + random.between(1, 240) * minute);
  }
  for (let at = first + 6 * day; at + day < closedAt; at += random.between(6, 12) * day) {
    add(at, at + random.scaled(10 * minute, day));
  }
  return outages;
}

/** One dimension is refused from the start and granted late; another after its series were shown, for good. */
function refusalsOf(start: number): FaultRule[] {
  return [
    refuseDimension('completions', 'user_id', { says: 'name', to: start + 20 * hour }),
    refuseDimension('embeddings', 'api_key_id', { says: 'nothing', from: start + 20 * hour }),
  ];
}

/** First nothing answers, then only what is in between; then the API says when to come again. */
function outage(from: number, to: number): Spell[] {
  const always = (fault: Fault) => [{ fault, chance: 1 }];
  const reset = from + Math.round((to - from) * 0.05);
  const html = from + Math.round((to - from) * 0.1);
  const body = '<html>upstream connect error</html>';
  return [
    { from, to: reset, faults: always({ kind: 'reset' }) },
    { from: reset, to: html, faults: always({ kind: 'status', status: 503, headers: textHtml, body }) },
    { from: html, to, faults: always({ kind: 'status', status: 503, headers: { 'retry-after': '240' } }) },
  ];
}

const textHtml = { 'content-type': 'text/html' };

/** Everything that the API, or what is in between, does to a request. */
function anyFault(random: Random, endOfHour: number, refusedRows: boolean): Fault {
  const kinds: readonly (() => Fault)[] = [
    () => ({ kind: 'status', status: 429 }),
    () => ({ kind: 'status', status: 429, headers: { 'retry-after': String(Math.floor(random.scaled(1, 900))) } }),
    () => ({ kind: 'status', status: 429, headers: { 'retry-after': new Date(endOfHour).toUTCString() } }),
    () => ({ kind: 'status', status: 500 }),
    () => ({ kind: 'status', status: 503, headers: textHtml, body: '<html>upstream connect error</html>' }),
    () => ({ kind: 'status', status: 401 }),
    () => ({ kind: 'status', status: 408 }),
    () => ({ kind: 'reset' }),
    () => ({ kind: 'hang' }),
    () => ({ kind: 'cut', share: random.next() }),
    () => ({ kind: 'delay', ms: random.scaled(1_000, 120_000) }),
    () => ({ kind: 'html' }),
    () => ({ kind: 'json', body: random.one(['{}', '[]', 'null', '{"object":"page","data":[', '{"data":{}}']) }),
    () => ({ kind: 'null-data' }),
    () => ({ kind: 'sparse' }),
    () => ({ kind: 'sparse' }),
    () => ({
      kind: 'wrong-types',
      where: random.one(
        refusedRows ? (['rows', 'times', 'results'] as const) : (['times', 'results', 'results'] as const),
      ),
    }),
    () => ({ kind: 'more-without-cursor' }),
    () => ({ kind: 'repeated-cursor' }),
    () => ({ kind: 'endless-cursor' }),
    () => ({ kind: 'past-the-end' }),
  ];
  return random.one(kinds)();
}

function faultsOf(
  random: Random,
  start: number,
  closedAt: number,
  monthEnds: readonly number[],
  refusedRows: boolean,
): Spell[] {
  const hours: Spell[] = [];
  for (let from = Math.ceil(start / hour) * hour; from < closedAt; from += hour) {
    const nearMonthEnd = monthEnds.some((at) => Math.abs(from - at) <= 2 * hour);
    if (!random.chance(nearMonthEnd ? 0.8 : 0.3)) continue;
    const count = Math.floor(random.between(1, 6));
    hours.push({
      from,
      to: from + hour,
      faults: Array.from({ length: count }, () => ({
        fault: anyFault(random, from + hour, refusedRows),
        chance: random.scaled(0.01, 0.3),
      })),
    });
  }
  return hours;
}

/** Names and limits have no part in counters. */
const noNames = '--names.refresh=0';
const folding = '--series.max-groups=3';

function replicasOf(seed: number, start: number, closedAt: number, monthEnds: readonly number[]): ReplicaPlan[] {
  const clockErrors = (index: number) => clockErrorsOf(createRandom(seed, 30 + index), start, closedAt, monthEnds);
  const downtimes = (index: number, across: number, perDay: number) =>
    downtimesOf(createRandom(seed, 10 + index), across, perDay, start, closedAt, monthEnds);
  const usual = { remembers: false, flags: [noNames], clockErrors: [] };
  return [
    { ...usual, name: 'A', remembers: true, downtimes: downtimes(0, 0, 1.6), clockErrors: clockErrors(0) },
    { ...usual, name: 'B', downtimes: downtimes(1, 1, 1.6), clockErrors: clockErrors(1) },
    // Down across the other months' ends.
    { ...usual, name: 'C', downtimes: downtimes(2, 0, 0.3), apis: ['embeddings', 'images'] },
    {
      ...usual,
      name: 'D',
      downtimes: [],
      flags: [noNames, folding],
      apis: ['completions', 'code_interpreter_sessions'],
    },
    { ...usual, name: 'E', downtimes: downtimes(4, 1, 0.8), flags: [noNames, folding], apis: ['embeddings'] },
  ];
}

/**
 * A replica is down across every second month's end, and restarts around the others.
 * @param across 0: down across the first month's end; 1: across the second
 */
function downtimesOf(
  random: Random,
  across: number,
  perDay: number,
  start: number,
  closedAt: number,
  monthEnds: readonly number[],
): Interval[] {
  const planned: Interval[] = [];
  for (const [count, at] of monthEnds.entries()) {
    if (count % 2 === across) {
      planned.push({ from: at - random.scaled(1, 60) * minute, to: at + random.between(31, 240) * minute });
    } else {
      for (const around of [random.between(-30, 0), random.between(0, 30), random.between(30, 60)]) {
        const from = at + around * minute;
        planned.push({ from, to: from + random.scaled(1_000, 5 * minute) });
      }
    }
  }
  const wanted: Interval[] = [];
  const count = Math.round(((closedAt - start) / day) * perDay);
  for (let i = 0; i < count; i++) {
    const from = random.between(start + 30 * minute, closedAt);
    wanted.push({ from, to: from + random.scaled(1_000, 8 * hour) });
  }
  const downtimes: Interval[] = [];
  for (const { from, to } of [...planned, ...wanted]) {
    const each = { from: Math.round(from), to: Math.round(to) };
    const overlaps = downtimes.some((other) => each.from <= other.to && other.from <= each.to);
    const crosses = monthEnds.some((at) => each.from < at && each.to >= at);
    // Those at a month's end are as they were planned.
    if (!overlaps && (!crosses || planned.some((other) => other.from === from))) downtimes.push(each);
  }
  return downtimes.sort((a, b) => a.from - b.from);
}

/** A wrong clock at the month's end would be wrong about the month, so clocks are right then. */
function clockErrorsOf(
  random: Random,
  start: number,
  closedAt: number,
  monthEnds: readonly number[],
): ReplicaPlan['clockErrors'] {
  const errors: (Interval & { error: number })[] = [];
  for (let at = start + random.between(2, 20) * hour; at < closedAt; at += random.between(6, 48) * hour) {
    const to = at + random.scaled(minute, 6 * hour);
    const error = Math.round(random.scaled(1_000, hour)) * (random.chance(0.5) ? 1 : -1);
    const nearMonthEnd = monthEnds.some((end) => at < end + 5 * hour && to > end - 2 * hour);
    if (!nearMonthEnd && to < closedAt) errors.push({ from: Math.round(at), to: Math.round(to), error });
  }
  return errors;
}
