/**
 * Compares what Prometheus has with what the API recorded, and measures each exception that the contract makes from
 * what happened, never from what is left over.
 */
import { endpointOf } from '../../src/openai/catalogue.ts';
import type { Organization } from '../../src/simulation/organization.ts';
import { labelText, labelValue } from '../../src/usage/labels.ts';
import { hour, minute } from '../../src/usage/windows.ts';
import { counterNames, labelNamesIn } from './exposition.ts';
import type { Opening } from './prometheus.ts';
import type { Life, Watched } from './replica.ts';
import { monthOf, type Scenario } from './scenario.ts';

/** Parts of the difference. Each says how much more (or, below 0, less) Prometheus has because of it. */
export interface Exceptions {
  /** Moved or lowered after it had settled: counted until growth overtakes it. */
  heldBack: number;
  /** Held back by a series that no process shows any more: all its usage was taken back before a restart. */
  gone: number;
  /** Restated after the month's last total had been read. */
  restatedLater: number;
  /** A series lower after a restart without a state file, for a restatement. */
  fallen: number;
  /** A series without a state file whose first sample was above 0. */
  born: number;
  /** The usage that a process without a state file that was down across the rollover never showed, or nobody saw reset. */
  rolledOver: number;
}

export const exceptionNames = ['heldBack', 'gone', 'restatedLater', 'fallen', 'born', 'rolledOver'] as const;

export interface Row {
  readonly replica: string;
  /** Seconds between two scrapes. */
  readonly every: number;
  readonly api: string;
  readonly field: string;
  readonly recorded: number;
  readonly counted: number;
  readonly exceptions: Exceptions;
  readonly unexplained: number;
}

export interface Verdict {
  readonly rows: readonly Row[];
  readonly faults: readonly string[];
}

type ByLabels = ReadonlyMap<string, number>;

/** Returns what the API says of the groups of an api in [from, to) at an instant; all in milliseconds. Field → labels → value. */
function groupsOf(
  organization: Organization,
  api: string,
  from: number,
  to: number,
  at: number,
  dimensions: readonly string[],
): ReadonlyMap<string, ByLabels> {
  const found = new Map<string, Map<string, number>>();
  const span = { from: from / 1_000, to: to / 1_000 };
  for (const { labels, fields } of organization.truth.usage(api, span, { groupBy: dimensions, at })) {
    const text = labelText(dimensions, labels.map(labelValue));
    for (const [field, value] of fields) {
      const own = found.get(field) ?? new Map<string, number>();
      found.set(field, own.set(text, (own.get(text) ?? 0) + value));
    }
  }
  return found;
}

/** The dimensions of series on show: not all that the api has need be granted. */
function dimensionsOf(api: string, shown: ReadonlyMap<string, ByLabels>): readonly string[] {
  for (const own of shown.values()) for (const labels of own.keys()) return labelNamesIn(labels);
  return endpointOf(api)?.dimensions ?? [];
}

function sumOf(values: ByLabels | undefined): number {
  let sum = 0;
  for (const value of values?.values() ?? []) sum += value;
  return sum;
}

export function judge(scenario: Scenario, life: Life, folded: boolean): Verdict {
  const { organization, plan } = life;
  const rows: Row[] = [];
  const faults = [...life.faults];
  const apis = [...new Set(counterNames.map(({ api }) => api))].filter((api) => plan.apis?.includes(api) ?? true);

  for (const watched of life.watched) {
    const fault = (text: string) => faults.push(`at ${watched.every / 1_000} s: ${text}`);
    for (const api of apis) {
      rows.push(...judgeApi(scenario, life, watched, api, fault));
      const { watcher } = watched;
      const first = watcher.openings.find((opening) => opening.api === api && opening.process === 0);
      if (first !== undefined && !folded) checkBaseline(scenario, organization, first, fault);
      for (const opening of watcher.openings) {
        if (opening.api === api) checkOpening(scenario, organization, opening, plan.remembers, folded, fault);
      }
      if (!folded) {
        checkGroups(scenario, life, watched, api, fault);
      }
    }
  }
  return { rows, faults };
}

function judgeApi(
  scenario: Scenario,
  { organization, plan, heldBack }: Life,
  { every, watcher, heldBefore, saidBefore }: Watched,
  api: string,
  fault: (text: string) => void,
): Row[] {
  const last = watcher.period(api);
  const recordedIn = (field: string, from: number, to: number) =>
    organization.truth.sum(api, field, { from: from / 1_000, to: to / 1_000 });
  const monthEnd = (period: number) => monthOf(period + 32 * 24 * hour);

  return counterNames
    .filter((counter) => counter.api === api)
    .map(({ field }) => {
      const { rises, baseline, fallen, born, unseen } = watcher.counted(api, field);
      const exceptions: Exceptions = {
        heldBack: last === undefined ? 0 : (heldBack.get(api)?.get(field) ?? 0),
        gone: sumOf(watcher.gone(api).get(field)),
        restatedLater: 0,
        fallen,
        born: 0 - born,
        rolledOver: 0 - unseen,
      };
      for (const end of watcher.periodEnds) {
        if (end.api !== api) continue;
        const whole = recordedIn(field, end.period, monthEnd(end.period));
        const key = `${api} ${end.period}`;
        exceptions.gone += sumOf(end.gone.get(field));
        if (end.witnessed) {
          exceptions.heldBack += heldBefore.get(key)?.get(field) ?? 0;
          exceptions.restatedLater += (saidBefore.get(key)?.get(field) ?? 0) - whole;
        } else {
          exceptions.rolledOver += sumOf(end.values.get(field)) - whole;
          if (plan.remembers) fault(`${api} ${field}: the rollover was not shown in spite of the state file`);
        }
      }
      if (last !== undefined && last < monthOf(scenario.end) && !watcher.isShown(api)) {
        // Down across the rollover, and nothing used since.
        exceptions.rolledOver += sumOf(watcher.shown(api).get(field)) - recordedIn(field, last, monthEnd(last));
      }
      const recorded = recordedIn(field, scenario.createdAt, scenario.end) - baseline;
      const explained = exceptionNames.reduce((sum, name) => sum + exceptions[name], 0);
      const unexplained = rises - recorded - explained;
      return {
        replica: plan.name,
        every: every / 1_000,
        api,
        field,
        recorded,
        counted: rises,
        exceptions,
        unexplained,
      };
    });
}

/** The first samples must be the API's own sum up to some minute, for every series alike. */
function checkBaseline(
  scenario: Scenario,
  organization: Organization,
  opening: Opening,
  fault: (text: string) => void,
): void {
  const { api, at, values } = opening;
  const dimensions = dimensionsOf(api, values);
  const latest = Math.floor(at / minute) * minute;
  for (let to = latest; to > latest - 45 * minute; to -= minute) {
    const groups = groupsOf(organization, api, Math.max(monthOf(at), scenario.createdAt), to, at, dimensions);
    const differs = [...values].some(([field, own]) =>
      [...own].some(([labels, value]) => value !== (groups.get(field)?.get(labels) ?? 0)),
    );
    const lacks = [...groups].some(([field, own]) =>
      [...own].some(
        ([labels, value]) => value > 0 && values.has(field) && values.get(field)?.get(labels) === undefined,
      ),
    );
    if (!differs && !lacks) return;
  }
  fault(`${api}: the first samples are no sum of the API's`);
}

/** The first total that a process shows is no less than what the API says, and without a memory no more. */
function checkOpening(
  scenario: Scenario,
  organization: Organization,
  opening: Opening,
  remembers: boolean,
  folded: boolean,
  fault: (text: string) => void,
): void {
  const { api, at, since, period, values } = opening;
  // An api that was not used for long begins some time after the process.
  if (at - since > 2 * 24 * hour) return;
  const from = Math.max(period, scenario.createdAt);
  const to = Math.min(monthOf(period + 32 * 24 * hour), at);
  // The clock may be wrong by an hour, and an idle api is read each ten minutes.
  const surely = Math.min(to, since - 90 * minute);
  const dimensions = dimensionsOf(api, values);
  // Usage can arrive late and then be taken back while a process starts, so what the API says in between counts as well.
  const moments: number[] = [];
  const step = Math.max(10_000, (at - since) / 1_000);
  for (let seen = since; seen < at; seen += step) moments.push(seen);
  const least = [since, at].map((seen) => groupsOf(organization, api, from, surely, seen, dimensions));
  const most = [since, at].map((seen) => groupsOf(organization, api, from, to, seen, dimensions));
  const everSaid = () => moments.map((seen) => groupsOf(organization, api, from, to, seen, dimensions));
  const of = (all: readonly ReadonlyMap<string, ByLabels>[], field: string, labels: string) =>
    all.map((groups) => groups.get(field)?.get(labels) ?? 0);
  for (const [field, own] of values) {
    if (folded || opening.regrouped) {
      // Which groups are folded is not known here, so only their sum can be compared.
      const shown = sumOf(own);
      if (shown > 0 && shown < Math.min(...least.map((groups) => sumOf(groups.get(field))))) {
        fault(`${api} ${field}: opens at ${shown} in all on ${new Date(at).toISOString()}, less than the API says`);
      }
      continue;
    }
    for (const [labels, value] of own) {
      // A zero can be held for a while.
      if (value > 0 && value < Math.min(...of(least, field, labels))) {
        fault(`${api} ${field}{${labels}}: opens at ${value} on ${new Date(at).toISOString()}, less than the API says`);
      }
      const tooMuch = !remembers && value > Math.max(...of(most, field, labels));
      if (tooMuch && value > Math.max(...of(everSaid(), field, labels))) {
        fault(`${api} ${field}{${labels}}: opens at ${value} on ${new Date(at).toISOString()}, more than the API says`);
      }
    }
  }
}

/** Each series is in the end the API's sum and what it holds back, and the latter is what the exporter says. */
function checkGroups(
  scenario: Scenario,
  { organization, heldBack }: Life,
  { watcher }: Watched,
  api: string,
  fault: (text: string) => void,
): void {
  const period = watcher.period(api);
  if (period === undefined) return;
  const groups = groupsOf(
    organization,
    api,
    Math.max(period, scenario.createdAt),
    scenario.end,
    Number.POSITIVE_INFINITY,
    dimensionsOf(api, watcher.shown(api)),
  );
  const shown = watcher.shown(api);
  for (const { field } of counterNames.filter((counter) => counter.api === api)) {
    let held = 0;
    const labels = new Set([...(groups.get(field)?.keys() ?? []), ...(shown.get(field)?.keys() ?? [])]);
    for (const each of labels) {
      const recorded = groups.get(field)?.get(each) ?? 0;
      const value = shown.get(field)?.get(each) ?? 0;
      if (value < recorded) fault(`${api} ${field}{${each}}: ends at ${value}, but the API recorded ${recorded}`);
      held += value - recorded;
    }
    const said = heldBack.get(api)?.get(field) ?? 0;
    if (held !== said)
      fault(`${api} ${field}: series are ${held} above the API's, openai_exporter_held_back says ${said}`);
  }
}

/** Describes what of a life can be compared with another's. */
export interface Comparable {
  readonly replica: string;
  readonly checkpoints: Life['checkpoints'];
}

/**
 * Replicas that have read all that was due must agree, wherever both were well. Just after the daily read of the whole
 * month that is everything; later in the day one that was started has seen what the other will see the next day.
 */
export function compare(lives: readonly Comparable[]): {
  readonly compared: number;
  readonly faults: readonly string[];
} {
  const faults: string[] = [];
  let compared = 0;
  const [first, ...others] = lives;
  for (const [at, sums] of first?.checkpoints ?? []) {
    if (new Date(at).getUTCHours() > 0) continue;
    for (const other of others) {
      for (const [series, sum] of other.checkpoints.get(at) ?? []) {
        const own = sums.get(series);
        if (own === undefined) continue;
        compared++;
        if (own !== sum) {
          faults.push(
            `${new Date(at).toISOString()} ${series}: ${own} in ${first?.replica}, ${sum} in ${other.replica}`,
          );
        }
      }
    }
  }
  return { compared, faults };
}
