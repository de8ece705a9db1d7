/** The settings that `backfill` has besides those that it shares with `serve`. */
import type { Width } from '../openai/catalogue.ts';
import type { TargetLabels } from './target-labels.ts';

export interface BackfillSettings {
  /** Seconds, multiples of the width; `to` is exclusive, and as late as possible where it is undefined. */
  readonly from: number;
  readonly to: number | undefined;
  readonly width: Width;
  /** A file, a folder, or `-` for stdout. */
  readonly output: string;
  readonly labels: TargetLabels;
  readonly resume: boolean;
}
