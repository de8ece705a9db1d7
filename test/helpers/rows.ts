/** Buckets of explicit rows, as the decoder would hand them over. */
import type { RawBucket, RawLabel } from '../../src/openai/bucket-page.ts';
import {
  type CostApi,
  type CostEndpoint,
  type Endpoint,
  endpointOf,
  type UsageApi,
  type UsageEndpoint,
  type Width,
  widthSeconds,
} from '../../src/openai/catalogue.ts';

export interface Row {
  readonly labels?: readonly RawLabel[];
  /** Values by field name; a string is an amount of money. A field that is not there is missing from the row. */
  readonly fields: Readonly<Record<string, number | string>>;
  /** The unit or currency, by field name. */
  readonly units?: Readonly<Record<string, RawLabel>>;
}

export function endpointNamed(api: UsageApi): UsageEndpoint;
export function endpointNamed(api: CostApi): CostEndpoint;
export function endpointNamed(api: string): Endpoint;
export function endpointNamed(api: string): Endpoint {
  const found = endpointOf(api);
  if (found === undefined) throw new Error(`no such api: ${api}`);
  return found;
}

/** Seconds of UTC of a text like `2026-05-15T12:00Z`. */
export function seconds(text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new Error(`not a time: ${text}`);
  return at / 1_000;
}

/** @param end where the bucket is clipped, in seconds; by default it is whole */
export function rawBucket(
  width: Width,
  start: number,
  rows: readonly Row[],
  end = start + widthSeconds[width],
): RawBucket {
  const dimensions = Math.max(0, ...rows.map(({ labels = [] }) => labels.length));
  const names = [...new Set(rows.flatMap(({ fields }) => Object.keys(fields)))];
  const isText = (name: string) => rows.some(({ fields }) => typeof fields[name] === 'string');
  const units = [...new Set(rows.flatMap(({ units: own = {} }) => Object.keys(own)))];
  return {
    start,
    end,
    rows: rows.length,
    labels: Array.from({ length: dimensions }, (_, index) => rows.map(({ labels = [] }) => labels[index] ?? null)),
    numbers: new Map(
      names
        .filter((name) => !isText(name))
        .map((name) => [name, Float64Array.from(rows, ({ fields }) => Number(fields[name] ?? Number.NaN))]),
    ),
    decimals: new Map(
      names
        .filter(isText)
        .map((name) => [name, rows.map(({ fields }) => (name in fields ? String(fields[name]) : null))]),
    ),
    units: new Map(units.map((name) => [name, rows.map(({ units: own = {} }) => own[name] ?? null)])),
    malformedRows: 0,
    refused: [],
    damagedRows: 0,
    losses: [],
  };
}
