/** Reads the points of an OTLP request in JSON. */
import { isObject, own, type PlainObject } from '../../openai/json.ts';
import { parseJson } from '../json-body.ts';
import {
  type Attributes,
  isUsageMetric,
  noValueFlag,
  OtlpUnreadable,
  type Point,
  type Temporality,
  temporalityOf,
} from './points.ts';

/** @throws {OtlpUnreadable} */
export function* pointsInJson(body: Uint8Array): Generator<Point> {
  const parsed = parseJson(Buffer.from(body).toString());
  if ('reason' in parsed) throw new OtlpUnreadable(parsed.reason);
  if (!isObject(parsed.value)) throw new OtlpUnreadable('it is not an object');
  for (const resourceMetrics of listIn(parsed.value, 'resourceMetrics')) {
    const resource = attributesIn(own(resourceMetrics, 'resource'));
    for (const scopeMetrics of listIn(resourceMetrics, 'scopeMetrics')) {
      for (const metric of listIn(scopeMetrics, 'metrics')) yield* pointsOf(metric, resource);
    }
  }
}

const histograms = ['histogram', 'exponentialHistogram'];

function* pointsOf(metric: PlainObject, resource: Attributes): Generator<Point> {
  const name = own(metric, 'name');
  if (typeof name !== 'string' || !isUsageMetric(name)) return;
  for (const kind of ['sum', ...histograms, 'gauge', 'summary']) {
    const data = own(metric, kind);
    if (!isObject(data)) continue;
    const temporality: Temporality = temporalityOf(own(data, 'aggregationTemporality'));
    for (const point of listIn(data, 'dataPoints')) {
      if (own(point, 'flags') === noValueFlag) continue;
      const isHistogram = histograms.includes(kind);
      yield {
        metric: name,
        kind: kind === 'sum' ? 'sum' : isHistogram ? 'histogram' : 'other',
        temporality,
        isMonotonic: isHistogram || own(data, 'isMonotonic') === true,
        resource,
        attributes: attributesIn(point),
        start: nanoseconds(own(point, 'startTimeUnixNano')),
        time: nanoseconds(own(point, 'timeUnixNano')),
        value: numberIn(point, isHistogram ? ['sum'] : ['asInt', 'asDouble']),
        count: isHistogram ? numberIn(point, ['count']) : undefined,
      };
    }
  }
}

/** The objects of a list; a missing one is empty. */
function listIn(object: PlainObject, name: string): readonly PlainObject[] {
  const list = own(object, name) ?? [];
  if (!Array.isArray(list)) throw new OtlpUnreadable(`${name} is not a list`);
  return list.filter(isObject);
}

function attributesIn(holder: unknown): Attributes {
  const found = new Map<string, string | number | boolean>();
  if (!isObject(holder)) return found;
  for (const attribute of listIn(holder, 'attributes')) {
    const key = own(attribute, 'key');
    const value = own(attribute, 'value');
    if (typeof key !== 'string' || !isObject(value)) continue;
    for (const form of ['stringValue', 'boolValue', 'intValue', 'doubleValue']) {
      const plain = own(value, form);
      if (typeof plain === 'string' || typeof plain === 'boolean' || typeof plain === 'number') found.set(key, plain);
    }
  }
  return found;
}

/** Numbers of 64 bits come as text. */
function numberIn(point: PlainObject, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = own(point, name);
    if (typeof value === 'number') return value;
    if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) return Number(value);
  }
  return undefined;
}

function nanoseconds(value: unknown): bigint {
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return BigInt(value);
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? BigInt(value) : 0n;
}
