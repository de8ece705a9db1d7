/**
 * The live usage of one organization: takes records, counts each once, and makes the parts of the page that show them.
 * Time is passed in. One organization's records and another's never meet.
 */

import type { LiveLabel } from '../settings/live-labels.ts';
import type { LiveStatus } from '../status.ts';
import type { Milliseconds } from '../units.ts';
import type { Outcome } from './families.ts';
import { allLabels } from './labels.ts';
import { LiveBook } from './live-book.ts';
import { LiveMinutes } from './live-minutes.ts';
import { LiveSpend } from './live-spend.ts';
import { type Defaults, type Reading, readRecord } from './read-record.ts';
import { type Format, formats } from './record-kind.ts';
import { createSeenIds } from './seen-ids.ts';

export interface LiveOptions {
  /** `--live.labels`. */
  readonly labels: readonly LiveLabel[];
  readonly maxGroups: number;
  readonly zeroHold: Milliseconds;
  readonly settleDelay: Milliseconds;
  /** Times that it was begun before in this process; 0 if not given. */
  readonly restarts?: number;
}

/** An instant by both clocks: UTC, and monotonic. */
export interface Instant {
  readonly now: Milliseconds;
  readonly elapsed: Milliseconds;
}

export interface LiveUsage {
  /** The labels of every series, in their order. */
  readonly labels: readonly LiveLabel[];
  readonly book: LiveBook;
  /** The cost of what was reported. */
  readonly spend: LiveSpend;
  /** Reads a record; nothing counts yet. */
  read(record: unknown, defaults: Defaults): Reading;
  /** Counts what was read, once. */
  count(reading: Reading, at: Instant): Outcome;
  readonly restarts: number;
  /** Records so far. */
  records(format: Format, outcome: Outcome): number;
  status(now: Milliseconds): LiveStatus;
  /** Returns when time alone changes the status; Infinity for never. */
  statusChangesAt(now: Milliseconds): Milliseconds;
  /** Rises with every record. */
  readonly revision: number;
}

export function createLiveUsage(options: LiveOptions): LiveUsage {
  const labels = allLabels(options.labels);
  const names = labels.map(({ name }) => name);
  const book = new LiveBook({ ...options, labels: names });
  const spend = new LiveSpend({ labels: names, groups: book.groups, zeroHold: options.zeroHold });
  const minutes = new LiveMinutes();
  const seen = createSeenIds();
  const tally = new Map(formats.map((format) => [format, new Map<Outcome, number>()]));
  const tallied = (format: Format, outcome: Outcome) => tally.get(format)?.get(outcome) ?? 0;
  let revision = 0;

  function outcomeOf(reading: Reading, { now, elapsed }: Instant): Outcome {
    if ('skipped' in reading) return 'skipped';
    if ('reason' in reading) return 'refused';
    const { usage } = reading;
    if (usage.id !== undefined && !seen.add(usage.id, elapsed)) return 'duplicate';
    spend.add(usage, book.add(usage, now));
    minutes.add(usage, now);
    return 'counted';
  }

  function count(reading: Reading, at: Instant): Outcome {
    const outcome = outcomeOf(reading, at);
    tally.get(reading.format)?.set(outcome, tallied(reading.format, outcome) + 1);
    revision++;
    return outcome;
  }

  const sumOf = (outcome: Outcome) => formats.reduce((sum, format) => sum + tallied(format, outcome), 0);

  return {
    labels,
    book,
    spend,
    count,
    read: (record, defaults) => readRecord(record, labels, defaults),
    restarts: options.restarts ?? 0,
    records: tallied,
    status: (now) => ({
      minutes: minutes.at(now),
      records: {
        counted: sumOf('counted'),
        duplicate: sumOf('duplicate'),
        skipped: sumOf('skipped'),
        refused: sumOf('refused'),
      },
      groups: book.groups.size,
      folded: book.folded,
    }),
    statusChangesAt: (now) => minutes.changesAt(now),
    get revision() {
      return revision;
    },
  };
}
