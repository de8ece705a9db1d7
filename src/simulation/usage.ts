/**
 * The usage of a simulated organization, and what of it the API shows at an instant.
 *
 * It is made from the hour downwards (`hour-draw.ts`): what a group uses in an hour is a function of (seed, api, group,
 * hour), the hour is split among minutes, and a minute among the parts in which it arrives. So a month of days costs
 * one draw for each hour, not for each minute, and hours and days are the sums of their minutes by construction.
 */
import { LRUCache } from 'lru-cache';
import { type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import { createHourDraw, type DrawnHour } from './hour-draw.ts';
import { leavesOf } from './leaves.ts';
import type { Behaviour, UsageGroup } from './profile.ts';

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

const hourSeconds = widthSeconds['1h'];
const daySeconds = widthSeconds['1d'];

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
  const leaves = leavesOf(endpoint);
  const fieldCount = endpoint.fields.length;
  const groupCount = groups.length;
  const firstHour = Math.ceil(createdAt / hourSeconds);
  const stopHour = Math.floor(closedAt / hourSeconds);
  const drawHour = createHourDraw({ seed, endpoint, groups, behaviour, firstHour, stopHour });
  const isRestated = behaviour.restatedUp + behaviour.restatedDown + behaviour.restatedMove > 0;
  const latest = behaviour.maximumDelay * 1_000;

  // Memory is bounded by what the caches hold, whatever the number of groups.
  const perBlock = Math.max(1, groupCount * fieldCount);
  const details = new LRUCache<number, Detail>({ max: clamp(2e6 / (perBlock * 12), 3, 64) });
  const hours = new LRUCache<number, Block>({ max: clamp(2e6 / perBlock, 4, 800) });
  const days = new LRUCache<number, Block>({ max: clamp(8e6 / perBlock, 40, 800) });

  /** Adds leaves, as those fields that `bits` has. */
  function addFields(from: Float64Array, bits: number, to: Float64Array, offset: number, sign: 1 | -1): void {
    for (let f = 0; f < fieldCount; f += 1) {
      if (((bits >>> f) & 1) === 0) continue;
      let sum = 0;
      for (const leaf of leaves.ofField[f] ?? []) sum += from[leaf] ?? 0;
      if (sum !== 0) to[offset + f] = (to[offset + f] ?? 0) + sign * sum;
    }
  }

  /** The restatement of a group's hour, if there is one. */
  function addRestatementOf(drawn: DrawnHour, group: number, hour: number, into: Restatement[]): void {
    const restated = drawn.restatement();
    if (!restated) return;
    const { written } = drawn;
    const at = ((hour + 1) * hourSeconds + restated.after) * 1_000;
    if (at > closedAt * 1_000) return;
    const minute = hour * hourSeconds + restated.minute * 60;
    const change = new Float64Array(fieldCount);
    addFields(restated.leaves, drawn.fields, change, 0, restated.sign);
    into.push({ group, minute, at, change, written });
    if (!restated.moved || groupCount === 1) return;
    into.push({ group: (group + 1) % groupCount, minute, at, change: change.map((value) => 0 - value), written });
  }

  function makeBlock(from: number, to: number): Block {
    const values = new Float64Array(groupCount * fieldCount);
    const bits = new Uint32Array(groupCount);
    const restatements: Restatement[] = [];
    for (let group = 0; group < groupCount; group += 1) {
      for (let hour = Math.max(from, firstHour); hour < to; hour += 1) {
        const drawn = drawHour(group, hour);
        if (!drawn) continue;
        addFields(drawn.leaves, drawn.fields, values, group * fieldCount, 1);
        bits[group] = (bits[group] ?? 0) | drawn.written;
        addRestatementOf(drawn, group, hour, restatements);
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
    const entries: { minute: number; entry: number }[] = [];
    const group: number[] = [];
    const first: number[] = [];
    const last: number[] = [];
    const bits: number[] = [];
    const parts: number[] = [];
    const whole = new Float64Array(leaves.names.length);
    const part = new Float64Array(leaves.names.length);
    const fields = new Float64Array(2 * fieldCount);
    for (let each = 0; each < groupCount; each += 1) {
      const drawn = drawHour(each, hour);
      if (!drawn) continue;
      for (let n = 0; n < drawn.active; n += 1) {
        const minute = drawn.minuteAt(n);
        const end = (hour * hourSeconds + (minute + 1) * 60) * 1_000;
        const arrival = drawn.arrival(n);
        drawn.readMinute(n, whole);
        fields.fill(0);
        for (let leaf = 0; leaf < part.length; leaf += 1) part[leaf] = Math.ceil((whole[leaf] ?? 0) * arrival.share);
        addFields(part, drawn.fields, fields, 0, 1);
        for (let leaf = 0; leaf < part.length; leaf += 1) part[leaf] = (whole[leaf] ?? 0) - (part[leaf] ?? 0);
        addFields(part, drawn.fields, fields, fieldCount, 1);
        entries.push({ minute, entry: group.length });
        group.push(each);
        first.push(end + arrival.first);
        last.push(end + arrival.last);
        bits.push(drawn.written);
        for (const value of fields) parts.push(value);
      }
    }
    entries.sort((a, b) => a.minute - b.minute);
    const starts = new Int32Array(61).fill(entries.length);
    for (let i = entries.length - 1; i >= 0; i -= 1) starts[entries[i]?.minute ?? 0] = i;
    for (let m = 59; m >= 0; m -= 1) starts[m] = Math.min(starts[m] ?? 0, starts[m + 1] ?? 0);
    const order = entries.map((each) => each.entry);
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

  /** Reports whether something that happens at `at` shows; remembers when the answer changes. */
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

  /** Returns when the usual delay of everything before `end` (seconds) is over. */
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
    if (!isRestated || !sum.query.restated) return;
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
