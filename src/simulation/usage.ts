/**
 * The usage of a simulated organization, and what of it the API shows at an instant.
 *
 * It is made from the hour downwards: what a group uses in an hour is a function of (seed, api, group, hour), the
 * hour is split among minutes, and a minute among the parts in which it arrives. So a month of days costs one draw
 * for each hour, not for each minute, and hours and days are the sums of their minutes by construction.
 */
import { LRUCache } from 'lru-cache';
import type { Endpoint } from '../openai/catalogue.ts';
import { leavesOf } from './leaves.ts';
import type { Behaviour, UsageGroup } from './profile.ts';
import { mix, textHash, unit } from './random.ts';

/** Sums of a span, by row and field: `values[row * fields + field]`. */
export interface UsageSnapshot {
  readonly values: Float64Array;
  /** Bit `field` is set where the row has the field even if it is 0. Rows with no field above 0 do not exist. */
  readonly written: Uint32Array;
  /** The snapshot is the same for every instant in [since, until), milliseconds. */
  readonly since: number;
  readonly until: number;
}

export interface UsageQuery {
  /** Seconds; usage belongs to a span if its minute starts in [from, to). */
  readonly from: number;
  readonly to: number;
  /** The instant of looking, milliseconds. Infinity: when everything has arrived. */
  readonly at: number;
  /** The row of each group, -1 to leave it out. */
  readonly rowOf: Int32Array;
  readonly rows: number;
  /** False: leave out every restatement. */
  readonly restated: boolean;
}

export interface UsageSource {
  readonly groups: readonly UsageGroup[];
  readonly fieldCount: number;
  at(query: UsageQuery): UsageSnapshot;
}

/** A sum being made. */
interface Sum {
  readonly query: UsageQuery;
  readonly values: Float64Array;
  readonly written: Uint32Array;
  since: number;
  until: number;
}

interface Restatement {
  readonly group: number;
  /** Start of the minute whose usage changes, seconds. */
  readonly minute: number;
  /** Milliseconds. */
  readonly at: number;
  readonly change: Float64Array;
  readonly written: number;
}

/** Whole hours or days: everything that has arrived after the usual delay, and what is restated later. */
interface Block {
  readonly values: Float64Array;
  readonly written: Uint32Array;
  readonly restatements: readonly Restatement[];
}

/** One hour in full: `parts` holds two parts for each (group, minute), field by field. */
interface Detail {
  /** Entries of minute m are at [starts[m], starts[m + 1]). */
  readonly starts: Int32Array;
  readonly group: Int32Array;
  readonly first: Float64Array;
  readonly last: Float64Array;
  readonly parts: Float64Array;
  readonly written: Uint32Array;
}

const hourSeconds = 3_600;
const daySeconds = 86_400;

/** Weight of each UTC hour and of each weekday (from Sunday). Both average 1. */
const hourWeights = [
  0.35, 0.3, 0.28, 0.28, 0.32, 0.45, 0.7, 1.05, 1.45, 1.7, 1.8, 1.75, 1.55, 1.65, 1.8, 1.75, 1.55, 1.25, 1, 0.85, 0.75,
  0.62, 0.5, 0.4,
].map((weight, _, all) => (weight * 24) / all.reduce((sum, each) => sum + each, 0));
const weekdayWeights = [0.45, 1.15, 1.25, 1.3, 1.25, 1.1, 0.5];

/** Usage of an hour against the average, by the time of the day and week. */
export function rhythmOf(hour: number): number {
  const day = Math.floor(hour / 24);
  // The epoch was a Thursday.
  return (hourWeights[hour - day * 24] ?? 1) * (weekdayWeights[(day + 4) % 7] ?? 1);
}

/** Strides without a common factor with 60: stepping by one visits every minute of an hour once. */
const strides = [1, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 49, 53, 59];

// Which draw of an hour is for what. Leaves come last, for there are several.
const salt = { count: 1, requests: 2, start: 3, stride: 4, missing: 5, restate: 6, restateAt: 7, restateBy: 8 };
const restateMinute = 9;
const leafSalt = 16;
const weightSalt = 64;
const delaySalt = 160;

/**
 * The flow usage of one api. `createdAt` and `closedAt` in seconds: there is no usage before and after, and nothing
 * is restated any more after.
 */
export function createUsage(
  seed: number,
  endpoint: Endpoint,
  groups: readonly UsageGroup[],
  behaviour: Behaviour,
  createdAt: number,
  closedAt: number = Number.POSITIVE_INFINITY,
): UsageSource {
  const base = mix(seed, textHash(endpoint.api));
  const leaves = leavesOf(endpoint);
  const leafCount = leaves.names.length;
  const fieldCount = endpoint.fields.length;
  const groupCount = groups.length;
  const firstHour = Math.ceil(createdAt / hourSeconds);
  const stopHour = Math.floor(closedAt / hourSeconds);
  const requiredFields = endpoint.fields.reduce((bits, field, f) => (field.required ? bits | (1 << f) : bits), 0) >>> 0;
  const allFields = 2 ** fieldCount - 1;
  const latest = behaviour.maximumDelay * 1_000;

  // Memory is bounded by what the caches hold, whatever the number of groups.
  const perBlock = Math.max(1, groupCount * fieldCount);
  const details = new LRUCache<number, Detail>({ max: clamp(2e6 / (perBlock * 12), 3, 64) });
  const hours = new LRUCache<number, Block>({ max: clamp(2e6 / perBlock, 4, 800) });
  const days = new LRUCache<number, Block>({ max: clamp(8e6 / perBlock, 40, 800) });

  // Scratch: what the group and hour in hand use.
  const total = new Float64Array(leafCount);
  const done = new Float64Array(leafCount);
  const piece = new Float64Array(leafCount);
  const part = new Float64Array(leafCount);
  let h = 0;
  let active = 0;
  let mask = 0;
  let written = 0;
  let minute = 0;
  let stride = 0;
  let weights = 0;
  let weighed = 0;

  /** Draws a group's hour into the scratch; false when it has no usage. */
  function drawHour(group: number, hour: number): boolean {
    const about = groups[group];
    if (!about || hour < firstHour || hour >= stopHour) return false;
    const g = mix(base, group);
    if (behaviour.dayShare < 1 && unit(g, Math.floor(hour / 24) + 0x5a5a) >= behaviour.dayShare) return false;
    h = mix(g, hour);
    const expected = about.minutes * (behaviour.rhythm ? rhythmOf(hour) : 1);
    const draw = unit(h, salt.count);
    // Evenly between half and one and a half of what is expected; below one minute, a chance.
    active =
      expected < 1
        ? draw < expected
          ? 1
          : 0
        : Math.min(60, Math.floor(expected * (0.5 + draw) + (mix(h, 90) & 1) / 2));
    if (active === 0) return false;
    const requests = active + Math.floor(active * (about.perMinute - 1) * 2 * unit(h, salt.requests));
    total[0] = requests;
    for (let leaf = 1; leaf < leafCount; leaf += 1) {
      const each = about.perRequest[leaf - 1] ?? 0;
      total[leaf] = each === 0 ? 0 : Math.floor(requests * each * (0.5 + unit(h, leafSalt + leaf)));
    }
    mask = allFields;
    if (behaviour.missingFields > 0 && unit(h, salt.missing) < behaviour.missingFields) {
      mask = (mix(h, salt.missing + 80) | requiredFields) & allFields;
    }
    written = about.zeros === 'written' ? mask : requiredFields;
    return true;
  }

  /** Before the first `nextMinute` of a drawn hour. */
  function beginMinutes(): void {
    minute = mix(h, salt.start) % 60;
    stride = strides[mix(h, salt.stride) % strides.length] ?? 1;
    weights = 0;
    weighed = 0;
    for (let i = 0; i < active; i += 1) weights += 1 + (mix(h, weightSalt + i) & 7);
    done.fill(0);
  }

  /** Puts the next active minute's leaves into `piece`; returns the minute within the hour. */
  function nextMinute(i: number): number {
    const now = minute;
    minute = (minute + stride) % 60;
    weighed += 1 + (mix(h, weightSalt + i) & 7);
    const share = weighed / weights;
    // Every active minute has a request of its own; the rest follows the weights. The last takes all that is left.
    for (let leaf = 0; leaf < leafCount; leaf += 1) {
      const all = total[leaf] ?? 0;
      const upTo = leaf === 0 ? i + 1 + Math.floor((all - active) * share) : Math.floor(all * share);
      piece[leaf] = upTo - (done[leaf] ?? 0);
      done[leaf] = upTo;
    }
    return now;
  }

  /** Adds leaves, as the fields that the mask leaves. */
  function addFields(from: Float64Array, bits: number, to: Float64Array, offset: number, sign: number): void {
    for (let f = 0; f < fieldCount; f += 1) {
      if (((bits >>> f) & 1) === 0) continue;
      let sum = 0;
      for (const leaf of leaves.ofField[f] ?? []) sum += from[leaf] ?? 0;
      if (sum !== 0) to[offset + f] = (to[offset + f] ?? 0) + sign * sum;
    }
  }

  /** The restatement of the drawn hour, if there is one. `draw` is what decided that there is. */
  function restate(group: number, hour: number, draw: number, into: Restatement[]): void {
    const { restatedUp, restatedDown, restatedAfter } = behaviour;
    const [least, most] = restatedAfter;
    // Shorter waits are more frequent than longer ones.
    const wait = least + (most - least) * unit(h, salt.restateAt) ** 2;
    const at = ((hour + 1) * hourSeconds + Math.round(wait)) * 1_000;
    if (at > closedAt * 1_000) return;
    const chosen = mix(h, restateMinute) % active;
    beginMinutes();
    let where = 0;
    for (let i = 0; i <= chosen; i += 1) where = nextMinute(i);
    const share = unit(h, salt.restateBy);
    const start = hour * hourSeconds;
    const down = draw >= restatedUp;
    const some = Math.max(0.05, share);
    // One downward restatement in eight takes the whole row away; one upward in eight is of a minute without usage.
    if (down && share > 0.125) {
      for (let leaf = 0; leaf < leafCount; leaf += 1) part[leaf] = Math.floor((piece[leaf] ?? 0) * some);
    } else {
      for (let leaf = 0; leaf < leafCount; leaf += 1) part[leaf] = piece[leaf] ?? 0;
      if (!down && share <= 0.125 && active < 60) where = (where + stride * (active - chosen)) % 60;
      else if (!down) {
        for (let leaf = 0; leaf < leafCount; leaf += 1) part[leaf] = Math.ceil((piece[leaf] ?? 0) * some);
      }
    }
    const change = new Float64Array(fieldCount);
    addFields(part, mask, change, 0, down ? -1 : 1);
    const minuteStart = start + where * 60;
    into.push({ group, minute: minuteStart, at, change, written });
    if (down && draw >= restatedUp + restatedDown && groupCount > 1) {
      into.push({
        group: (group + 1) % groupCount,
        minute: minuteStart,
        at,
        change: change.map((value) => 0 - value),
        written,
      });
    }
  }

  const restatedAtAll = behaviour.restatedUp + behaviour.restatedDown + behaviour.restatedMove;

  function makeBlock(from: number, to: number): Block {
    const values = new Float64Array(groupCount * fieldCount);
    const bits = new Uint32Array(groupCount);
    const restatements: Restatement[] = [];
    for (let group = 0; group < groupCount; group += 1) {
      for (let hour = Math.max(from, firstHour); hour < to; hour += 1) {
        if (!drawHour(group, hour)) continue;
        addFields(total, mask, values, group * fieldCount, 1);
        bits[group] = (bits[group] ?? 0) | written;
        if (restatedAtAll === 0) continue;
        const draw = unit(h, salt.restate);
        if (draw < restatedAtAll) restate(group, hour, draw, restatements);
      }
    }
    return { values, written: bits, restatements: restatements.sort((a, b) => a.at - b.at) };
  }

  function blockOf(cache: LRUCache<number, Block>, index: number, hoursEach: number): Block {
    let block = cache.get(index);
    if (!block) {
      block = makeBlock(index * hoursEach, (index + 1) * hoursEach);
      cache.set(index, block);
    }
    return block;
  }

  function makeDetail(hour: number): Detail {
    const drawn: { minute: number; entry: number }[] = [];
    const group: number[] = [];
    const first: number[] = [];
    const last: number[] = [];
    const bits: number[] = [];
    const parts: number[] = [];
    const fields = new Float64Array(2 * fieldCount);
    for (let each = 0; each < groupCount; each += 1) {
      if (!drawHour(each, hour)) continue;
      beginMinutes();
      for (let i = 0; i < active; i += 1) {
        const at = nextMinute(i);
        const end = (hour * hourSeconds + (at + 1) * 60) * 1_000;
        const d = mix(h, delaySalt + i);
        const [least, most] = behaviour.firstDelay;
        const firstAt = Math.min(latest, Math.round((least + (most - least) * unit(d, 1)) * 1_000));
        const two = unit(d, 2) < behaviour.twoParts;
        const lastAt = two ? Math.round(firstAt + (latest - firstAt) * unit(d, 3)) : firstAt;
        const share = two ? 0.2 + 0.7 * unit(d, 4) : 1;
        fields.fill(0);
        for (let leaf = 0; leaf < leafCount; leaf += 1) part[leaf] = Math.ceil((piece[leaf] ?? 0) * share);
        addFields(part, mask, fields, 0, 1);
        for (let leaf = 0; leaf < leafCount; leaf += 1) part[leaf] = (piece[leaf] ?? 0) - (part[leaf] ?? 0);
        addFields(part, mask, fields, fieldCount, 1);
        drawn.push({ minute: at, entry: group.length });
        group.push(each);
        first.push(end + firstAt);
        last.push(end + lastAt);
        bits.push(written);
        for (const value of fields) parts.push(value);
      }
    }
    drawn.sort((a, b) => a.minute - b.minute);
    const starts = new Int32Array(61).fill(drawn.length);
    for (let i = drawn.length - 1; i >= 0; i -= 1) starts[drawn[i]?.minute ?? 0] = i;
    for (let m = 59; m >= 0; m -= 1) starts[m] = Math.min(starts[m] ?? 0, starts[m + 1] ?? 0);
    const order = drawn.map((each) => each.entry);
    return {
      starts,
      group: Int32Array.from(order, (entry) => group[entry] ?? 0),
      first: Float64Array.from(order, (entry) => first[entry] ?? 0),
      last: Float64Array.from(order, (entry) => last[entry] ?? 0),
      written: Uint32Array.from(order, (entry) => bits[entry] ?? 0),
      parts: Float64Array.from(
        order.flatMap((entry) => parts.slice(entry * 2 * fieldCount, (entry + 1) * 2 * fieldCount)),
      ),
    };
  }

  function detailOf(hour: number): Detail {
    let detail = details.get(hour);
    if (!detail) {
      detail = makeDetail(hour);
      details.set(hour, detail);
    }
    return detail;
  }

  /** Whether something that happens at `at` shows; remembers when the answer changes. */
  function shows(sum: Sum, at: number): boolean {
    if (at <= sum.query.at) {
      if (at > sum.since) sum.since = at;
      return true;
    }
    if (at < sum.until) sum.until = at;
    return false;
  }

  function addMinutes(sum: Sum, hour: number, from: number, to: number): void {
    const detail = detailOf(hour);
    const { rowOf } = sum.query;
    const stop = detail.starts[to] ?? 0;
    for (let entry = detail.starts[from] ?? 0; entry < stop; entry += 1) {
      const row = rowOf[detail.group[entry] ?? 0] ?? -1;
      if (row < 0 || !shows(sum, detail.first[entry] ?? 0)) continue;
      const offset = row * fieldCount;
      const source = entry * 2 * fieldCount;
      for (let f = 0; f < fieldCount; f += 1) {
        sum.values[offset + f] = (sum.values[offset + f] ?? 0) + (detail.parts[source + f] ?? 0);
      }
      sum.written[row] = (sum.written[row] ?? 0) | (detail.written[entry] ?? 0);
      if (!shows(sum, detail.last[entry] ?? 0)) continue;
      for (let f = 0; f < fieldCount; f += 1) {
        sum.values[offset + f] = (sum.values[offset + f] ?? 0) + (detail.parts[source + fieldCount + f] ?? 0);
      }
    }
  }

  function addRestatements(sum: Sum, restatements: readonly Restatement[], from: number, to: number): void {
    if (!sum.query.restated) return;
    for (const each of restatements) {
      const row = sum.query.rowOf[each.group] ?? -1;
      if (row < 0 || each.minute < from || each.minute >= to || !shows(sum, each.at)) continue;
      const offset = row * fieldCount;
      for (let f = 0; f < fieldCount; f += 1) {
        sum.values[offset + f] = (sum.values[offset + f] ?? 0) + (each.change[f] ?? 0);
      }
      sum.written[row] = (sum.written[row] ?? 0) | each.written;
    }
  }

  function addBlock(sum: Sum, block: Block): void {
    const { rowOf } = sum.query;
    for (let group = 0; group < groupCount; group += 1) {
      const row = rowOf[group] ?? -1;
      if (row < 0) continue;
      const offset = row * fieldCount;
      const source = group * fieldCount;
      for (let f = 0; f < fieldCount; f += 1) {
        sum.values[offset + f] = (sum.values[offset + f] ?? 0) + (block.values[source + f] ?? 0);
      }
      sum.written[row] = (sum.written[row] ?? 0) | (block.written[group] ?? 0);
    }
    addRestatements(sum, block.restatements, -Infinity, Infinity);
  }

  /** When the usual delay of everything before `end` (seconds) is over. */
  const arrived = (end: number) => end * 1_000 + latest;

  function addHour(sum: Sum, hour: number, from: number, to: number): void {
    const start = hour * hourSeconds;
    const whole = from <= start && to >= start + hourSeconds;
    if (whole && arrived(start + hourSeconds) <= sum.query.at) {
      if (sum.since < arrived(start + hourSeconds)) sum.since = arrived(start + hourSeconds);
      addBlock(sum, blockOf(hours, hour, 1));
      return;
    }
    // A minute belongs to the span that holds its start.
    const first = Math.max(0, Math.ceil((from - start) / 60));
    const stop = Math.min(60, Math.ceil((to - start) / 60));
    // Before the minute's end nothing of it shows, so nothing needs to be drawn yet.
    const ended = Math.min(stop, Math.floor((sum.query.at / 1_000 - start) / 60));
    if (ended < stop) sum.until = Math.min(sum.until, (start + (Math.max(first, ended) + 1) * 60) * 1_000);
    if (ended > first) addMinutes(sum, hour, first, ended);
    if (restatedAtAll === 0 || !sum.query.restated) return;
    // Nothing is restated before the hour's end.
    if (sum.query.at < (start + hourSeconds) * 1_000) sum.until = Math.min(sum.until, (start + hourSeconds) * 1_000);
    else addRestatements(sum, blockOf(hours, hour, 1).restatements, from, to);
  }

  return {
    groups,
    fieldCount,
    at(query) {
      const sum: Sum = {
        query,
        values: new Float64Array(query.rows * fieldCount),
        written: new Uint32Array(query.rows),
        since: -Infinity,
        until: Infinity,
      };
      const { from, to } = query;
      let hour = Math.max(firstHour, Math.floor(from / hourSeconds));
      const stop = Math.ceil(to / hourSeconds);
      while (hour < stop && groupCount > 0) {
        const start = hour * hourSeconds;
        const end = start + daySeconds;
        if (hour % 24 === 0 && from <= start && to >= end && arrived(end) <= query.at) {
          if (sum.since < arrived(end)) sum.since = arrived(end);
          addBlock(sum, blockOf(days, hour / 24, 24));
          hour += 24;
          continue;
        }
        if (start * 1_000 >= query.at) {
          sum.until = Math.min(sum.until, (start + 60) * 1_000);
          break;
        }
        addHour(sum, hour, from, to);
        hour += 1;
      }
      return sum;
    },
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.floor(Math.min(most, Math.max(least, value)));
}

/** How long after a minute's end a level is known, seconds. */
const levelDelay = 360;

/**
 * A level (bytes stored): a bucket shows the newest value known in it, and so does every wider bucket around it.
 * It moves every ten minutes and is never restated.
 */
export function createLevel(
  seed: number,
  endpoint: Endpoint,
  groups: readonly UsageGroup[],
  createdAt: number,
): UsageSource {
  const base = mix(seed, textHash(endpoint.api));
  const levelAt = (group: number, second: number): number => {
    const [start = 0, growth = 0] = groups[group]?.perRequest ?? [];
    const step = Math.floor(second / 600);
    const wave = (unit(mix(base, group), step) - 0.5) * growth;
    return Math.max(0, Math.floor(start + (growth * (second - createdAt)) / hourSeconds + wave));
  };
  return {
    groups,
    fieldCount: 1,
    at({ from, to, at, rowOf, rows }) {
      const values = new Float64Array(rows);
      const known = Math.floor((at / 1_000 - 60 - levelDelay) / 60) * 60;
      const last = Math.min(Math.ceil(to / 60) * 60 - 60, known);
      const whole = last >= Math.ceil(to / 60) * 60 - 60;
      const from60 = Math.ceil(Math.max(from, createdAt) / 60) * 60;
      if (last >= from60) {
        for (let group = 0; group < groups.length; group += 1) {
          const row = rowOf[group] ?? -1;
          if (row >= 0) values[row] = (values[row] ?? 0) + levelAt(group, last);
        }
      }
      const shownAt = (second: number) => (second + 60 + levelDelay) * 1_000;
      return {
        values,
        written: new Uint32Array(rows),
        since: last >= from60 ? shownAt(last) : -Infinity,
        until: whole ? Infinity : shownAt(Math.max(last + 60, from60)),
      };
    },
  };
}
