/**
 * The messages between the serving thread and a reading thread: plain data, and buffers that change hands instead of
 * being copied. Everything that the two know of each other is in this file.
 */
import type { BuildInfo } from '../build-info.ts';
import type { PriceEntry } from '../estimate/prices.ts';
import type { OwnText } from '../metrics/own-text.ts';
import type { PageUpdate } from '../metrics/page.ts';
import type { KeySetting } from '../settings/key-setting.ts';
import type { Settings } from '../settings/settings.ts';
import type { OrganizationSummary, Status } from '../status.ts';
import type { Milliseconds } from '../units.ts';
import type { ShownHour } from '../usage/recent.ts';

/** The organization that a reading thread reads, handed over when the thread starts. */
export interface ReaderTask {
  readonly settings: Settings;
  /** Undefined for the simulated organization of a demonstration. */
  readonly key: KeySetting | undefined;
  /** True if levels in log lines are coloured. */
  readonly coloured: boolean;
  /** The start of the process, in UTC. */
  readonly began: Milliseconds;
  readonly build: BuildInfo;
  /** Its name and number among several, from 0; undefined where it is the only one. */
  readonly among?: { readonly name: string; readonly number: number };
}

export type ToReader =
  /** The page that was sent last is on show; the next one may be sent. */
  | { readonly kind: 'taken' }
  /** Asks for the status; the answer carries the same id. */
  | { readonly kind: 'status'; readonly id: number }
  /** Asks the thread to end. */
  | { readonly kind: 'stop' };

export type FromReader =
  /** A new page, and the hours whose usage it shows. */
  | { readonly kind: 'page'; readonly update: PageUpdate; readonly hours: readonly ShownHour[] }
  /** The reading thread's words about itself; whether every api was tried once, and whether one answers. */
  | {
      readonly kind: 'health';
      readonly own: OwnText;
      readonly ready: boolean;
      /** Undefined until an api was tried. */
      readonly up: boolean | undefined;
    }
  /** Its line in the list of several; sent by one of several only. */
  | { readonly kind: 'summary'; readonly summary: OrganizationSummary }
  | { readonly kind: 'status'; readonly id: number; readonly status: Status }
  /** The prices for live usage have changed. */
  | { readonly kind: 'prices'; readonly prices: readonly PriceEntry[] }
  /** A finished line for the log. */
  | { readonly kind: 'log'; readonly line: string }
  /** The last message of a thread that cannot end, because something that it waits for hangs. */
  | { readonly kind: 'hanging' }
  /** A sign of life, sent when there is nothing else to say. */
  | { readonly kind: 'alive' };
