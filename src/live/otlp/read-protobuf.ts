/**
 * Reads the points of an OTLP request in protobuf: only what is asked for is decoded, everything else is passed over.
 * The numbers of the fields are those of opentelemetry-proto 1.x, which may never change.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type Attributes, isUsageMetric, noValueFlag, OtlpUnreadable, type Point, temporalityOf } from './points.ts';

/** @throws {OtlpUnreadable} */
export function* pointsInProtobuf(body: Uint8Array): Generator<Point> {
  try {
    for (const resourceMetrics of messagesIn(body, 1)) {
      const [resource = nothing] = messagesIn(resourceMetrics, 1);
      const attributes = attributesIn(resource, 1);
      for (const scopeMetrics of messagesIn(resourceMetrics, 2)) {
        for (const metric of messagesIn(scopeMetrics, 2)) yield* pointsOf(metric, attributes);
      }
    }
  } catch (error) {
    throw new OtlpUnreadable('it is not what OTLP has in protobuf', { cause: error });
  }
}

const nothing = new Uint8Array(0);

/** The kinds of metrics, by the field that has their data, and where their points have what is asked for. */
const kinds = [
  { field: 7, kind: 'sum', attributes: 7, count: undefined, sum: undefined },
  { field: 9, kind: 'histogram', attributes: 9, count: 4, sum: 5 },
  { field: 10, kind: 'histogram', attributes: 1, count: 4, sum: 5 },
  { field: 5, kind: 'other', attributes: 7, count: undefined, sum: undefined },
  { field: 11, kind: 'other', attributes: 7, count: undefined, sum: undefined },
] as const;
type Kind = (typeof kinds)[number];

const fieldOf = { name: 1, points: 1, temporality: 2, isMonotonic: 3 } as const;
const pointField = { start: 2, time: 3, asDouble: 4, asInt: 6 } as const;

function* pointsOf(metric: Uint8Array, resource: Attributes): Generator<Point> {
  let name = '';
  eachField(metric, (number, type, reader) => {
    if (number === fieldOf.name && type === WireType.LengthDelimited) name = reader.string();
    else return false;
    return true;
  });
  if (!isUsageMetric(name)) return;
  for (const kind of kinds) {
    for (const data of messagesIn(metric, kind.field)) {
      let temporality = 0;
      let isMonotonic = false;
      eachField(data, (number, type, reader) => {
        if (type !== WireType.Varint) return false;
        if (number === fieldOf.temporality) temporality = reader.int32();
        else if (number === fieldOf.isMonotonic) isMonotonic = reader.bool();
        else return false;
        return true;
      });
      for (const point of messagesIn(data, fieldOf.points)) {
        const values = valuesOf(point, kind);
        if (values === undefined) continue;
        yield {
          metric: name,
          kind: kind.kind,
          temporality: temporalityOf(temporality),
          isMonotonic: isMonotonic || kind.kind === 'histogram',
          resource,
          attributes: attributesIn(point, kind.attributes),
          ...values,
        };
      }
    }
  }
}

/** The numbers of a point; undefined for one that says that it has no value. */
function valuesOf(point: Uint8Array, kind: Kind): Pick<Point, 'start' | 'time' | 'value' | 'count'> | undefined {
  let start = 0n;
  let time = 0n;
  let value: number | undefined;
  let count: number | undefined;
  let flags = 0;
  const flagsField = kind.kind === 'histogram' ? 10 : 8;
  eachField(point, (number, type, reader) => {
    if (type === WireType.Varint && number === flagsField) flags = reader.uint32();
    else if (type !== WireType.Bit64) return false;
    else if (number === pointField.start) start = BigInt(reader.fixed64());
    else if (number === pointField.time) time = BigInt(reader.fixed64());
    else if (number === kind.count) count = Number(reader.fixed64());
    else if (number === kind.sum) value = reader.double();
    else if (kind.kind === 'sum' && number === pointField.asDouble) value = reader.double();
    else if (kind.kind === 'sum' && number === pointField.asInt) value = Number(reader.sfixed64());
    else return false;
    return true;
  });
  return (flags & noValueFlag) === noValueFlag ? undefined : { start, time, value, count };
}

function attributesIn(message: Uint8Array, field: number): Attributes {
  const found = new Map<string, string | number | boolean>();
  for (const attribute of messagesIn(message, field)) {
    let key = '';
    let value: string | number | boolean | undefined;
    eachField(attribute, (number, type, reader) => {
      if (type !== WireType.LengthDelimited) return false;
      if (number === 1) key = reader.string();
      else if (number === 2) value = anyValue(reader.bytes());
      else return false;
      return true;
    });
    if (value !== undefined) found.set(key, value);
  }
  return found;
}

/** A text, a boolean or a number; undefined for lists, maps and bytes. */
function anyValue(message: Uint8Array): string | number | boolean | undefined {
  let value: string | number | boolean | undefined;
  eachField(message, (number, type, reader) => {
    if (number === 1 && type === WireType.LengthDelimited) value = reader.string();
    else if (number === 2 && type === WireType.Varint) value = reader.bool();
    else if (number === 3 && type === WireType.Varint) value = Number(reader.int64());
    else if (number === 4 && type === WireType.Bit64) value = reader.double();
    else return false;
    return true;
  });
  return value;
}

/** The messages that a field holds, each as its bytes. */
function messagesIn(message: Uint8Array, field: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  eachField(message, (number, type, reader) => {
    if (number !== field || type !== WireType.LengthDelimited) return false;
    found.push(reader.bytes());
    return true;
  });
  return found;
}

/** @param take reads the value of a field and returns true, or leaves it alone and returns false */
function eachField(message: Uint8Array, take: (number: number, type: WireType, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (!take(number, type, reader)) reader.skip(type, number);
  }
}
