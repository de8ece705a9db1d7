/**
 * Holds seconds and milliseconds apart: where the one is asked for, the other is an error of the compiler; a plain number
 * passes for both.
 */
import type { boundsOf, servedAt } from '../src/backfill/backfill-plan.ts';
import type { alarm, Clock } from '../src/clock.ts';
import type { Cadence, nextPollAt } from '../src/poll/schedule.ts';
import type { inMilliseconds, inSeconds, Milliseconds, Seconds } from '../src/units.ts';
import type { AccountOptions } from '../src/usage/account.ts';
import type { Bucket, collectBucket } from '../src/usage/bucket.ts';
import type { CounterBook } from '../src/usage/counters.ts';
import type { Ledger } from '../src/usage/ledger.ts';
import type { monthsAt } from '../src/usage/months.ts';
import type { Span } from '../src/usage/plan.ts';
import type { openingOf, settlesAt } from '../src/usage/settle.ts';
import type { anchorAfter, anchorAt, bucketAt, bucketEnd, lastDue } from '../src/usage/windows.ts';

/** Tells what a place takes: its unit, if it refuses the other one. */
type UnitOf<Place> = [Seconds, Milliseconds, number] extends [Place, Place, Place]
  ? 'either'
  : Seconds extends Place
    ? 'seconds'
    : Milliseconds extends Place
      ? 'milliseconds'
      : 'neither';

type First<Of extends (...all: never) => unknown> = UnitOf<Parameters<Of>[0]>;
type Second<Of extends (...all: never) => unknown> = UnitOf<Parameters<Of>[1]>;
type Result<Of extends (...all: never) => unknown> = UnitOf<ReturnType<Of>>;

/** Compiles only if every place has the unit wanted. */
type All<Wanted extends string, Found extends readonly Wanted[]> = Found;

export type Checks = [
  All<'either', [UnitOf<number>]>,
  All<
    'seconds',
    [
      First<typeof inMilliseconds>,
      Result<typeof inSeconds>,
      Result<typeof bucketAt>,
      First<typeof bucketEnd>,
      Result<typeof bucketEnd>,
      Result<typeof anchorAt>,
      First<typeof anchorAfter>,
      Result<typeof anchorAfter>,
      First<typeof openingOf>,
      First<typeof settlesAt>,
      Second<typeof servedAt>,
      UnitOf<Span['from']>,
      UnitOf<Span['to']>,
      UnitOf<Bucket['start']>,
      UnitOf<Ledger['anchor']>,
      UnitOf<CounterBook['until']>,
      UnitOf<ReturnType<typeof monthsAt>['running']>,
    ]
  >,
  All<
    'milliseconds',
    [
      First<typeof inSeconds>,
      Result<typeof inMilliseconds>,
      UnitOf<ReturnType<Clock['now']>>,
      UnitOf<ReturnType<Clock['monotonic']>>,
      First<Clock['sleep']>,
      Second<typeof alarm>,
      First<typeof bucketAt>,
      First<typeof anchorAt>,
      First<typeof lastDue>,
      Result<typeof lastDue>,
      Second<typeof openingOf>,
      Result<typeof openingOf>,
      Second<typeof settlesAt>,
      Result<typeof settlesAt>,
      Result<typeof servedAt>,
      Second<typeof boundsOf>,
      Second<typeof nextPollAt>,
      Result<typeof nextPollAt>,
      First<typeof monthsAt>,
      UnitOf<Parameters<typeof collectBucket>[2]>,
      UnitOf<Parameters<typeof collectBucket>[3]>,
      UnitOf<Cadence['interval']>,
      UnitOf<AccountOptions['settleDelay']>,
      UnitOf<AccountOptions['offset']>,
      UnitOf<Bucket['readAt']>,
      UnitOf<CounterBook['nextChange']>,
    ]
  >,
];
