/** The data points of an OTLP request as far as they can be usage of a model, whichever encoding they came in. */
import type { RawLabel } from '../../openai/bucket-page.ts';

/** Attributes by name. Those that are lists or maps are left out. */
export type Attributes = ReadonlyMap<string, RawLabel>;

export type Temporality = 'delta' | 'cumulative' | 'unknown';

export interface Point {
  readonly metric: string;
  readonly kind: 'sum' | 'histogram' | 'other';
  readonly temporality: Temporality;
  /** False for sums that can fall. */
  readonly isMonotonic: boolean;
  readonly resource: Attributes;
  readonly attributes: Attributes;
  /** Nanoseconds, which do not fit into a number; 0 where it is not known. */
  readonly start: bigint;
  readonly time: bigint;
  /** The value of a sum, or the sum of a histogram; undefined where there is none. */
  readonly value: number | undefined;
  /** Observations of a histogram. */
  readonly count: number | undefined;
}

/** A request that is not what it says it is. */
export class OtlpUnreadable extends Error {
  override readonly name = 'OtlpUnreadable';
}

/** Metrics of other names are not read. */
export function isUsageMetric(name: string): boolean {
  return name.startsWith('gen_ai.client.');
}

/** The values of OTLP's enumeration. */
export function temporalityOf(value: unknown): Temporality {
  if (value === 1 || value === 'AGGREGATION_TEMPORALITY_DELTA') return 'delta';
  return value === 2 || value === 'AGGREGATION_TEMPORALITY_CUMULATIVE' ? 'cumulative' : 'unknown';
}

/** The flag of a point that says that there is no value. */
export const noValueFlag = 1;
