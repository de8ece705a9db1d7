/** Makes counts of the data points of OpenTelemetry's metrics of generative AI. */
import { hash } from 'node:crypto';
import type { RawLabel } from '../../openai/bucket-page.ts';
import type { LiveLabel } from '../../settings/live-labels.ts';
import type { Milliseconds } from '../../units.ts';
import { looksLikeKey } from '../labels.ts';
import type { Count, Defaults, Reading } from '../read-record.ts';
import { openAiProvider } from '../shapes.ts';
import { type LiveApi, liveField } from '../vocabulary.ts';
import type { Attributes, Point } from './points.ts';

/** Counters of the semantic conventions, and the field that each counts. Input includes cached input here, too. */
export const usageCounters: ReadonlyMap<string, string> = new Map([
  ['gen_ai.client.inference.usage.input_tokens', 'input_tokens'],
  ['gen_ai.client.inference.usage.output_tokens', 'output_tokens'],
  ['gen_ai.client.inference.usage.cache_read.input_tokens', 'input_cached_tokens'],
  ['gen_ai.client.inference.usage.cache_write.input_tokens', 'input_cache_write_tokens'],
  ['gen_ai.client.inference.usage.cache_creation.input_tokens', 'input_cache_write_tokens'],
  ['gen_ai.client.inference.usage.reasoning.output_tokens', 'output_reasoning_tokens'],
]);

/** The older histogram: the sum is of tokens of the type, and each observation of input is a request. */
const tokenHistogram = 'gen_ai.client.token.usage';
const tokenTypes: ReadonlyMap<RawLabel, string> = new Map([
  ['input', 'input_tokens'],
  ['output', 'output_tokens'],
]);

/** Operations by api. Those around them, such as of an agent, would count the same usage again. */
const operations: ReadonlyMap<RawLabel, LiveApi> = new Map([
  ['chat', 'completions'],
  ['text_completion', 'completions'],
  ['generate_content', 'completions'],
  ['embeddings', 'embeddings'],
]);

/** The newest point that was seen of a stream of cumulative points. */
interface Seen {
  readonly time: bigint;
  readonly value: number;
  readonly count: number;
}

/** Streams of cumulative points, those that are left when the oldest are forgotten, and resources that have the newer counters. */
const mostStreams = 20_000;
const streamsLeft = 18_000;
const mostResources = 10_000;

/** Clocks differ: a stream that begins later than this after now, in milliseconds, has a clock that says nothing. */
const largestSkew: Milliseconds = 60_000;

export interface OtlpReader {
  /** Reads the points of a request. What has been read once is known: it counts from there on. */
  read(points: readonly Point[], defaults: Defaults, now: Milliseconds): readonly Reading[];
}

/** @param began nothing was reported before: a stream that begins later is known from its beginning */
export function createOtlpReader(labels: readonly LiveLabel[], began: Milliseconds): OtlpReader {
  /** The one that was seen longest ago first. */
  const streams = new Map<string, Seen>();
  const withCounters = new Set<string>();
  let knownSince = began;

  function read(point: Point, defaults: Defaults, now: Milliseconds): Reading {
    const skipped = { format: 'otlp', skipped: true } as const;
    const refused = (reason: string) => ({ format: 'otlp', reason }) as const;
    const { metric, attributes, resource } = point;
    const field = fieldOf(point);
    const api = apiOf(attributes);
    const provider = attributes.get('gen_ai.provider.name') ?? attributes.get('gen_ai.system') ?? 'openai';
    if (field === undefined || api === undefined || !openAiProvider.test(String(provider))) return skipped;
    if (metric === tokenHistogram && withCounters.has(identityOfResource(resource))) return skipped;
    const fault = faultOf(point);
    if (fault !== undefined) return refused(`${metric}: ${fault}`);
    const found = labelsOf(point, labels, defaults);
    if (typeof found === 'string') return refused(found);
    const key = hash(
      'sha256',
      `${metric} ${point.start} ${identityOfResource(resource)} ${identityOf(attributes)}`,
      'base64',
    );
    const rise =
      point.temporality === 'delta' ? { value: point.value ?? 0, count: point.count ?? 0 } : riseOf(key, point, now);
    if (typeof rise === 'string')
      return rise === 'fell' ? refused(`${metric}: it has fallen without a new start time`) : skipped;
    return {
      format: 'otlp',
      usage: {
        counts: countsOf(point, api, field, rise),
        labels: found,
        at: milliseconds(point.time),
        // A point that is sent again is the same stream at the same time.
        id: `${key} ${point.time}`,
      },
    };
  }

  /** The rise of a cumulative stream since it was seen last. */
  function riseOf(key: string, { start, time, value = 0, count = 0 }: Point, now: Milliseconds) {
    const before = streams.get(key);
    if (before !== undefined && time <= before.time) return 'known';
    const begins = milliseconds(start);
    const isWhole = begins >= knownSince && begins <= now + largestSkew;
    streams.delete(key);
    streams.set(key, { time, value, count });
    forgetOldest(now);
    // Seen first in the middle: what it counted before may have been counted, too.
    if (before === undefined) return isWhole ? { value, count } : 'known';
    if (value >= before.value && count >= before.count) {
      return { value: value - before.value, count: count - before.count };
    }
    // Without a start time nothing else tells of a new beginning.
    return start === 0n ? { value, count } : 'fell';
  }

  /** Forgets many at once: looking for the oldest passes over the places of all that were deleted before. */
  function forgetOldest(now: Milliseconds): void {
    if (streams.size <= mostStreams) return;
    for (const oldest of streams.keys()) {
      if (streams.size <= streamsLeft) break;
      streams.delete(oldest);
    }
    // They may come again, and then they are in the middle.
    knownSince = now;
  }

  return {
    read(points, defaults, now) {
      for (const { metric, resource } of points) {
        if (usageCounters.has(metric) && withCounters.size < mostResources)
          withCounters.add(identityOfResource(resource));
      }
      return points.map((point) => read(point, defaults, now));
    },
  };
}

/** The field that a point counts; undefined where it is none of ours. */
function fieldOf({ metric, attributes }: Point): string | undefined {
  return metric === tokenHistogram
    ? tokenTypes.get(attributes.get('gen_ai.token.type') ?? null)
    : usageCounters.get(metric);
}

function apiOf(attributes: Attributes): LiveApi | undefined {
  return operations.get(attributes.get('gen_ai.operation.name') ?? 'chat');
}

/** Returns why a point cannot be counted; undefined for one that can. */
function faultOf({ metric, kind, temporality, isMonotonic, value, count }: Point): string | undefined {
  const wanted = metric === tokenHistogram ? 'histogram' : 'sum';
  if (kind !== wanted || !isMonotonic) return `it is no ${wanted === 'sum' ? 'counter' : 'histogram'}`;
  if (temporality === 'unknown') return 'its temporality is neither delta nor cumulative';
  if (value === undefined) return 'it has no sum';
  for (const number of [value, count ?? 0]) {
    if (!Number.isInteger(number) || number < 0) return 'it is not a whole number of tokens';
    if (number > Number.MAX_SAFE_INTEGER) return 'it is above 2^53';
  }
  return undefined;
}

function countsOf(
  { metric }: Point,
  api: LiveApi,
  name: string,
  { value, count }: { readonly value: number; readonly count: number },
): readonly Count[] {
  const field = liveField(api, name);
  const requests = liveField(api, 'num_model_requests');
  return [
    ...(field === undefined ? [] : [[field, value] as const]),
    ...(metric === tokenHistogram && name === 'input_tokens' && requests !== undefined
      ? [[requests, count] as const]
      : []),
  ];
}

/** Attributes that are labels by themselves, the more exact one first. */
const ownAttributes: Readonly<Record<string, readonly string[]>> = {
  model: ['gen_ai.response.model', 'gen_ai.request.model'],
  service_tier: ['openai.response.service_tier', 'gen_ai.openai.response.service_tier'],
};

/** Values in the order of the labels, or why the point is refused. */
function labelsOf(
  { attributes, resource }: Point,
  labels: readonly LiveLabel[],
  defaults: Defaults,
): readonly RawLabel[] | string {
  const values: RawLabel[] = [];
  for (const { name, path } of labels) {
    const names = [name, ...(path === undefined ? [] : [path]), ...(ownAttributes[name] ?? [])];
    const found = [...names.map((each) => attributes.get(each)), ...names.map((each) => resource.get(each))];
    const value = [...found, defaults.labels.get(name)].find((each) => each !== undefined && each !== '') ?? null;
    if (looksLikeKey(value)) return `the label ${name} holds a key; give its id or its name`;
    values.push(value);
  }
  return values;
}

/** The points of a request share their resource, whose identity is made once for all of them. */
const ofResources = new WeakMap<Attributes, string>();

function identityOfResource(resource: Attributes): string {
  const identity = ofResources.get(resource) ?? identityOf(resource);
  ofResources.set(resource, identity);
  return identity;
}

function identityOf(attributes: Attributes): string {
  return JSON.stringify([...attributes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function milliseconds(nanoseconds: bigint): Milliseconds {
  return Number(nanoseconds / 1_000n) / 1_000;
}
