/** The messages between the serving thread and the thread of live usage. Everything that the two know of each other is here. */
import type { PriceEntry } from '../estimate/prices.ts';
import type { PageUpdate } from '../metrics/page.ts';
import type { Settings } from '../settings/settings.ts';
import type { LiveStatus } from '../status.ts';
import type { Milliseconds } from '../units.ts';
import type { ShownHour } from '../usage/recent.ts';
import type { Report, ReportAnswer } from './report.ts';

/** The organization whose live usage a thread takes, handed over when the thread starts. */
export interface LiveTask {
  readonly settings: Pick<Settings, 'live' | 'counters' | 'poll' | 'log' | 'demo'>;
  /** True if levels in log lines are coloured. */
  readonly coloured: boolean;
  /** Times that the thread of this organization has died before. */
  readonly restarts?: number;
  /** A demonstration, which reports to itself: when it began, and which one of several organizations it is. */
  readonly demo: { readonly began: Milliseconds; readonly number: number } | undefined;
}

/** A request, under a number that its answer has, too. */
export interface Asked extends Report {
  readonly id: number;
}

export interface Answered extends ReportAnswer {
  readonly id: number;
}

export type ToLive =
  | { readonly kind: 'reports'; readonly reports: readonly Asked[] }
  /**
   * The number of reports that were refused before anybody looked into them: too large, of another type, or too many at
   * once.
   */
  | { readonly kind: 'refused'; readonly reports: number }
  /** The hours whose usage is on show: those of live usage are the same. */
  | { readonly kind: 'hours'; readonly hours: readonly ShownHour[] }
  /** The prices to go by from now on. */
  | { readonly kind: 'prices'; readonly prices: readonly PriceEntry[] }
  /** Asks the thread to end. */
  | { readonly kind: 'stop' };

export type FromLive =
  | { readonly kind: 'answers'; readonly answers: readonly Answered[] }
  /** A new page, and the status as of it. */
  | { readonly kind: 'page'; readonly update: PageUpdate; readonly status: LiveStatus }
  /** A finished line for the log. */
  | { readonly kind: 'log'; readonly line: string };

/** Milliseconds between two pages, at the least. */
export const publishEvery: Milliseconds = 1_000;
