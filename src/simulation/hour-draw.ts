/**
 * The usage of a group of a simulated organization in an hour: how it is spread over minutes, when the API comes to
 * know it, and what of it is restated: all of it a function of (seed, api, group, hour).
 */
import type { Endpoint } from '../openai/catalogue.ts';
import { leavesOf } from './leaves.ts';
import type { Behaviour, UsageGroup } from './profile.ts';
import { mix, textHash, unit } from './random.ts';
import { rhythmOf } from './rhythm.ts';

/** An hour with usage. One object serves for all hours of a drawer: it is good until the next is drawn. */
export interface DrawnHour {
  /** Minutes with usage, 1–60. */
  readonly active: number;
  /** Bit `field` is set where the hour's rows have the field, and where they write it out even if it is 0. */
  readonly fields: number;
  readonly written: number;
  /** The usage of the whole hour, by leaf. */
  readonly leaves: Float64Array;
  /** The minute within the hour (0–59) of the nth active one, n from 0; from `active` on those without usage. */
  minuteAt(n: number): number;
  /** Puts the leaves of the nth active minute into `into`. Those of all add up to the hour's. */
  readMinute(n: number, into: Float64Array): void;
  /** Returns how the nth active minute's usage arrives. */
  arrival(n: number): Arrival;
  /** The later change of the hour, if there is one. */
  restatement(): DrawnRestatement | undefined;
}

export interface Arrival {
  /** Milliseconds after the minute's end at which the first and the last part are known; the same if it comes whole. */
  readonly first: number;
  readonly last: number;
  /** The first part of each leaf: this share, rounded up. */
  readonly share: number;
}

export interface DrawnRestatement {
  /** Seconds after the hour's end. */
  readonly after: number;
  /** The minute within the hour whose usage changes: a minute without usage, now and then. */
  readonly minute: number;
  /** The sign: 1 where something is added, -1 where it is taken away. */
  readonly leaves: Float64Array;
  readonly sign: 1 | -1;
  /** True if another group gets what is taken away. */
  readonly moved: boolean;
}

/** The hour of a group, both as numbers (the hour from the epoch on); undefined if it has no usage. */
export type DrawHour = (group: number, hour: number) => DrawnHour | undefined;

export interface HourDrawOptions {
  readonly seed: number;
  readonly endpoint: Endpoint;
  readonly groups: readonly UsageGroup[];
  readonly behaviour: Behaviour;
  /** There is usage in [firstHour, stopHour), hours from the epoch. */
  readonly firstHour: number;
  readonly stopHour: number;
}

/** Strides without a common factor with 60: stepping by one visits every minute of an hour once. */
const strides = [1, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 49, 53, 59];

// Which draw of an hour is for what. Those that there are several of begin at the number given.
const salt = {
  count: 1,
  requests: 2,
  start: 3,
  stride: 4,
  missing: 5,
  restate: 6,
  restateAt: 7,
  restateBy: 8,
  restateMinute: 9,
  leaves: 16,
  weights: 64,
  missingFields: 85,
  rounding: 90,
  delays: 160,
};

export function createHourDraw(options: HourDrawOptions): DrawHour {
  const { seed, endpoint, groups, behaviour, firstHour, stopHour } = options;
  const base = mix(seed, textHash(endpoint.api));
  const drawn = new Drawn(endpoint, behaviour);
  return (group, hour) => {
    const about = groups[group];
    if (!about || hour < firstHour || hour >= stopHour) return undefined;
    if (about.since !== undefined && hour * 3_600 < about.since) return undefined;
    const hash = mix(base, group);
    if (behaviour.dayShare < 1 && unit(hash, Math.floor(hour / 24) + 0x5a5a) >= behaviour.dayShare) return undefined;
    return drawn.draw(about, hour, mix(hash, hour)) ? drawn : undefined;
  };
}

class Drawn implements DrawnHour {
  active = 0;
  fields = 0;
  written = 0;
  readonly leaves: Float64Array;
  readonly #behaviour: Behaviour;
  readonly #allFields: number;
  readonly #requiredFields: number;
  readonly #restated: number;
  #hash = 0;
  #start = 0;
  #stride = 0;
  /** Weights of the active minutes before the nth; made when a minute is first asked for. */
  readonly #weights = new Float64Array(61);
  #weighed = false;

  constructor(endpoint: Endpoint, behaviour: Behaviour) {
    this.leaves = new Float64Array(leavesOf(endpoint).names.length);
    this.#behaviour = behaviour;
    this.#allFields = 2 ** endpoint.fields.length - 1;
    this.#requiredFields =
      endpoint.fields.reduce((bits, { required }, field) => (required ? bits | (1 << field) : bits), 0) >>> 0;
    this.#restated = behaviour.restatedUp + behaviour.restatedDown + behaviour.restatedMove;
  }

  /** Becomes the hour with this hash; false when it has no usage. */
  draw(about: UsageGroup, hour: number, hash: number): boolean {
    const { rhythm, missingFields } = this.#behaviour;
    const { leaves } = this;
    const expected = about.minutes * (rhythm ? rhythmOf(hour) : 1);
    const active = activeMinutes(expected, hash);
    if (active === 0) return false;
    const requests = active + Math.floor(active * (about.perMinute - 1) * 2 * unit(hash, salt.requests));
    leaves[0] = requests;
    for (let leaf = 1; leaf < leaves.length; leaf += 1) {
      const each = about.perRequest[leaf - 1] ?? 0;
      leaves[leaf] = each === 0 ? 0 : Math.floor(requests * each * (0.5 + unit(hash, salt.leaves + leaf)));
    }
    let fields = this.#allFields;
    if (missingFields > 0 && unit(hash, salt.missing) < missingFields) {
      fields = (mix(hash, salt.missingFields) | this.#requiredFields) & this.#allFields;
    }
    this.active = active;
    this.fields = fields;
    this.written = about.zeros === 'written' ? fields : this.#requiredFields;
    this.#hash = hash;
    this.#weighed = false;
    return true;
  }

  minuteAt(n: number): number {
    this.#weigh();
    return (this.#start + n * this.#stride) % 60;
  }

  readMinute(n: number, into: Float64Array): void {
    this.#weigh();
    const { active, leaves } = this;
    const weights = this.#weights;
    const all = weights[active] ?? 1;
    const before = (weights[n] ?? 0) / all;
    const upTo = (weights[n + 1] ?? 0) / all;
    // Every active minute has a request of its own; the rest follows the weights. The last takes all that is left.
    const more = (leaves[0] ?? 0) - active;
    into[0] = 1 + Math.floor(more * upTo) - Math.floor(more * before);
    for (let leaf = 1; leaf < leaves.length; leaf += 1) {
      const whole = leaves[leaf] ?? 0;
      into[leaf] = whole === 0 ? 0 : Math.floor(whole * upTo) - Math.floor(whole * before);
    }
  }

  arrival(n: number): Arrival {
    const { firstDelay, maximumDelay, twoParts } = this.#behaviour;
    const hash = mix(this.#hash, salt.delays + n);
    const [least, most] = firstDelay;
    const latest = maximumDelay * 1_000;
    const first = Math.min(latest, Math.round((least + (most - least) * unit(hash, 1)) * 1_000));
    if (unit(hash, 2) >= twoParts) return { first, last: first, share: 1 };
    const last = Math.round(first + (latest - first) * unit(hash, 3));
    return { first, last, share: 0.2 + 0.7 * unit(hash, 4) };
  }

  restatement(): DrawnRestatement | undefined {
    if (this.#restated === 0) return undefined;
    const { restatedUp, restatedDown, restatedAfter } = this.#behaviour;
    const hash = this.#hash;
    const draw = unit(hash, salt.restate);
    if (draw >= this.#restated) return undefined;
    const [least, most] = restatedAfter;
    // Shorter waits are more frequent than longer ones.
    const after = Math.round(least + (most - least) * unit(hash, salt.restateAt) ** 2);
    const down = draw >= restatedUp;
    const moved = draw >= restatedUp + restatedDown;
    const share = unit(hash, salt.restateBy);
    const n = mix(hash, salt.restateMinute) % this.active;
    const leaves = new Float64Array(this.leaves.length);
    this.readMinute(n, leaves);
    // One downward restatement in eight takes the whole row away; one upward in eight is of a minute without usage.
    const whole = share <= 0.125 && (down || this.active < 60);
    const minute = this.minuteAt(whole && !down ? this.active : n);
    if (!whole) {
      const round = down ? Math.floor : Math.ceil;
      for (const [leaf, value] of leaves.entries()) leaves[leaf] = round(value * Math.max(0.05, share));
    }
    return { after, minute, leaves, sign: down ? -1 : 1, moved };
  }

  #weigh(): void {
    if (this.#weighed) return;
    this.#weighed = true;
    const hash = this.#hash;
    this.#start = mix(hash, salt.start) % 60;
    this.#stride = strides[mix(hash, salt.stride) % strides.length] ?? 1;
    let sum = 0;
    for (let n = 0; n < this.active; n += 1) {
      sum += 1 + (mix(hash, salt.weights + n) & 7);
      this.#weights[n + 1] = sum;
    }
  }
}

/** Evenly between half and one and a half of what is expected; below one minute, a chance. */
function activeMinutes(expected: number, hash: number): number {
  const draw = unit(hash, salt.count);
  if (expected < 1) return draw < expected ? 1 : 0;
  return Math.min(60, Math.floor(expected * (0.5 + draw) + (mix(hash, salt.rounding) & 1) / 2));
}
