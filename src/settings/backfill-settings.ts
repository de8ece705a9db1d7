/** The settings that `backfill` has besides those that it shares with `serve`. */
import { type Width, widthSeconds } from '../openai/catalogue.ts';
import type { FlagReader } from './flag-reader.ts';
import { flags } from './flags.ts';
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

const inWords: Readonly<Record<Width, string>> = { '1m': 'minute', '1h': 'hour', '1d': 'day' };

/** Undefined where something is wrong with it, which is among the mistakes then. */
export function historyFrom(reader: FlagReader): BackfillSettings | undefined {
  const width = reader.read(flags.bucketWidth);
  const from = reader.read(flags.from);
  const to = reader.read(flags.to);
  const output = reader.read(flags.output);
  const labels = reader.read(flags.labels) ?? [];
  for (const [flag, what] of [
    [flags.from, 'the day with which the history begins, like 2026-05-01'],
    [flags.output, 'a file, a folder with a slash at its end, or - for stdout'],
  ] as const) {
    if (!reader.given(flag)) reader.add(flag, `is required: ${what}`);
  }
  for (const [flag, instant] of [
    [flags.from, from],
    [flags.to, to],
  ] as const) {
    if (instant !== undefined && instant % widthSeconds[width] !== 0) {
      reader.add(
        flag,
        `must be the start of a bucket: a full ${inWords[width]} of UTC, because --bucket-width is ${width}`,
      );
    }
  }
  if (from !== undefined && to !== undefined && to <= from) reader.add(flags.to, 'must be later than --from');
  if (from === undefined || output === undefined) return undefined;
  return { from, to, width, output, labels, resume: reader.read(flags.resume) };
}
