/**
 * Everything that the exporter knows, as data: the status page and /api/status show the same. Times are ISO 8601, UTC. What is
 * not known is null, never 0.
 */

export interface Status extends Health {
  readonly usage: UsageStatus;
  readonly spend: SpendStatus;
  readonly limits: LimitsStatus;
  /** The usage that applications and gateways report; absent where that is not taken. */
  readonly live?: LiveStatus;
}

/** Live usage: what arrived in the last minutes, and what became of all records since the start. */
export interface LiveStatus {
  /** The oldest first; the last one is in progress. */
  readonly minutes: readonly LiveMinute[];
  readonly records: {
    readonly counted: number;
    readonly duplicate: number;
    readonly skipped: number;
    readonly refused: number;
  };
  /** Combinations of label values that are kept. */
  readonly groups: number;
  /** Records that went into the group `other`, because there were too many groups. */
  readonly folded: number;
}

export interface LiveMinute extends Amounts {
  readonly start: string;
  readonly records: number;
}

/** The state of the exporter itself. */
export interface Health {
  readonly version: string;
  readonly revision: string;
  /** The numbers are made up by the demonstration. */
  readonly simulated: boolean;
  readonly startedAt: string;
  readonly now: string;
  readonly apis: readonly ApiStatus[];
  /** Lists of names and limits; empty where these are turned off. */
  readonly lists: readonly ListStatus[];
  readonly counters: CountersStatus;
  /** A sentence on why polls cannot keep their interval, with the numbers and what to do; null while they can. */
  readonly tooSlow: string | null;
  /** The trouble with the state file, and what follows from it; null where there is none, or no file is wanted. */
  readonly stateFileTrouble: string | null;
}

/** A failure: its reason as the metrics name it, what happened, and what to do. All are null while nothing fails. */
export interface WhyFailed {
  readonly reason: string | null;
  readonly message: string | null;
  readonly whatToDo: string | null;
}

/** Rows and list items that could not be taken whole, since the start; null where there were none. */
export interface LeftOut {
  readonly leftOut: {
    readonly count: number;
    /** The last few sentences, newest first. */
    readonly messages: readonly string[];
    /** The time at which one was found last. */
    readonly at: string;
  } | null;
}

export interface ApiStatus extends WhyFailed, LeftOut {
  readonly api: string;
  /** True if the last poll succeeded; null until one was tried. */
  readonly up: boolean | null;
  readonly lastSuccess: string | null;
  readonly lastPoll: string | null;
  readonly nextPoll: string | null;
  /** The end of the newest settled bucket that was read, by bucket width. */
  readonly dataThrough: Readonly<Record<string, string>>;
  readonly series: number;
  /** Dimensions that OpenAI does not grant: the numbers come without these labels. */
  readonly dimensionsRefused: readonly DimensionRefused[];
}

export interface DimensionRefused {
  readonly dimension: string;
  /** The words that OpenAI said. */
  readonly reason: string;
  readonly since: string;
}

/** One kind of list, of the organization and of its projects together. */
export interface ListStatus extends WhyFailed, LeftOut {
  readonly api: string;
  /**
   * True if every list of the kind was read the last time; null until one was tried, and where the key lacks the scope.
   */
  readonly up: boolean | null;
  readonly lastSuccess: string | null;
}

export interface CountersStatus {
  /** The time from which they count; null before that is known. */
  readonly anchor: string | null;
  readonly state: 'replaying' | 'shown' | 'unavailable';
  /** A sentence for people, where there is something to say. */
  readonly message: string | null;
}

/** The last 24 hours: 23 whole ones and the running one. */
export interface UsageStatus {
  /** Apis that are counted: tokens and requests to models. Tools, such as searches, are not among them. */
  readonly apis: readonly string[];
  /** Oldest first. */
  readonly hours: readonly HourStatus[];
  /** Null where the usage is not grouped by it. */
  readonly models: Ranking | null;
  readonly projects: Ranking | null;
}

export interface HourStatus extends Amounts {
  readonly start: string;
  /** `partial`: not every api is known. `open`: in progress. `settling`: ended, but may still change. */
  readonly state: 'unknown' | 'partial' | 'open' | 'settling' | 'settled';
  /** Apis of which this hour is not known. */
  readonly missing: readonly string[];
}

export interface Amounts {
  readonly tokens: number | null;
  readonly requests: number | null;
}

/** The ten with the most, and all others together. */
export interface Ranking {
  readonly top: readonly (Ranked & { readonly id: string; readonly name: string | null })[];
  readonly rest: (Ranked & { readonly count: number }) | null;
}

export interface Ranked {
  readonly tokens: number;
  readonly requests: number;
  /** One value for each of the hours; null where an hour is unknown. */
  readonly byHour: readonly Amounts[];
}

/** The running UTC month. */
export interface SpendStatus {
  /** The month, like `2026-11`. */
  readonly month: string;
  /** True if costs are read at all. */
  readonly polled: boolean;
  /** True if only what the filters let through is known. */
  readonly filtered: boolean;
  /** Days until today of which nothing is known, like `2026-11-03`. */
  readonly missing: readonly string[];
  /** Empty until a day of the month was read. */
  readonly currencies: readonly CurrencySpend[];
  /** Models whose usage of today has no price, and is in no estimate; those with the most tokens first. */
  readonly unpriced: readonly { readonly model: string; readonly tokens: number }[];
}

export interface CurrencySpend {
  readonly currency: string;
  /** Sums over the days that are known. */
  readonly total: number;
  /** The organization's amount for the month; null where none is set in this currency. */
  readonly budget: number | null;
  /** Null where it cannot be estimated. */
  readonly now: SpendNow | null;
  /** Every day of the month. */
  readonly days: readonly DaySpend[];
  /** Null where costs are not grouped by project. */
  readonly projects: SpendRanking | null;
  /** Null where costs by user are not known. */
  readonly users: UserSpend | null;
}

/** The present spend, as estimated from usage. */
export interface SpendNow {
  /** The spend of today so far, and of the newest sixty settled minutes. */
  readonly today: number;
  readonly hour: number;
  /** Estimate / actual - 1, of the newest settled day of costs; null where that cannot be told. */
  readonly error: number | null;
}

export interface DaySpend {
  readonly day: string;
  readonly state: 'unknown' | 'future' | 'open' | 'settling' | 'settled';
  readonly amount: number | null;
}

export interface UserSpend extends SpendRanking {
  /** Sum by user less sum by project, of the days that have settled in both reads; it should be 0. */
  readonly difference: number;
}

export interface SpendRanking {
  readonly top: readonly {
    readonly id: string;
    readonly name: string | null;
    readonly amount: number;
    readonly budget: number | null;
  }[];
  readonly rest: { readonly count: number; readonly amount: number } | null;
}

export interface LimitsStatus {
  /** Those nearest to their limit, nearest first. */
  readonly nearest: readonly NearLimit[];
  /** The number of limits that could be compared with what is used. */
  readonly compared: number;
  /** Sentences for people: what cannot be told, and why. */
  readonly unknown: readonly string[];
}

export interface NearLimit {
  readonly kind: 'budget' | 'spend_limit' | 'spend_alert' | 'tokens_per_minute' | 'requests_per_minute';
  /** Null for the organization. */
  readonly projectId: string | null;
  readonly projectName: string | null;
  /** The model whose limit it is; null for money. */
  readonly model: string | null;
  /** The currency, or what is counted. */
  readonly unit: string;
  /** Money: of the month so far. Rates: of the busiest settled minute of the last hour. */
  readonly used: number;
  readonly limit: number;
  /** `used / limit`. */
  readonly share: number;
}

/** Several organizations, a line each, as `/` and `/api/status` show them. */
export interface OrganizationsStatus {
  readonly version: string;
  readonly revision: string;
  readonly simulated: boolean;
  readonly startedAt: string;
  readonly now: string;
  /** A sentence on why the file of organizations cannot be used; null while it can. */
  readonly reloadTrouble: string | null;
  readonly organizations: readonly OrganizationLine[];
}

export interface OrganizationLine {
  readonly name: string;
  /** The path of its page, below this exporter's own address. */
  readonly path: string;
  /** True if its thread runs and the last poll of one api at least succeeded; null until that is known. */
  readonly up: boolean | null;
  /** The summary that its thread sent last; null before the first time. */
  readonly summary: OrganizationSummary | null;
}

/** The summary of an organization, one line of a table. */
export interface OrganizationSummary {
  readonly now: string;
  readonly apis: number;
  /** The apis and lists whose last poll failed. */
  readonly failing: readonly string[];
  /** The failure of the first of them, and what to do. */
  readonly message: string | null;
  readonly whatToDo: string | null;
  /** The sum of the last 24 hours; null where nothing is known. */
  readonly tokens: number | null;
  readonly requests: number | null;
  readonly spend: readonly {
    readonly currency: string;
    readonly total: number;
    readonly budget: number | null;
  }[];
  readonly nearest: NearLimit | null;
}

/** The status cannot be had now; the message says why. */
export class StatusUnavailable extends Error {
  override readonly name = 'StatusUnavailable';
}
