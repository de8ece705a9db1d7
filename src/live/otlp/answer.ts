/** Answers a report in OTLP's own form: what was not taken is a partial success, and a failure is a status. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Milliseconds } from '../../units.ts';
import { mostRecords } from '../json-body.ts';
import type { Instant, LiveUsage } from '../live-usage.ts';
import { BodyUnreadable, type Report, type ReportAnswer, readQuery, readWhole } from '../report.ts';
import { failure } from './failure.ts';
import { OtlpUnreadable, type Point } from './points.ts';
import { pointsInJson } from './read-json.ts';
import { pointsInProtobuf } from './read-protobuf.ts';
import { createOtlpReader } from './usage.ts';

/** Different reasons that one answer gives. */
const mostReasons = 5;

export interface OtlpAnswers {
  answer(report: Report, at: Instant): ReportAnswer;
}

/** @param began UTC: nothing was reported before */
export function createOtlpAnswers(live: LiveUsage, began: Milliseconds): OtlpAnswers {
  const reader = createOtlpReader(live.labels, began);
  return {
    answer(report, at) {
      const isJson = report.form === 'otlp json';
      try {
        const readings = reader.read(pointsOf(report, isJson), readQuery(report.query), at.now);
        const reasons: string[] = [];
        for (const reading of readings) {
          live.count(reading, at);
          if ('reason' in reading) reasons.push(reading.reason);
        }
        const message = [...new Set(reasons)].slice(0, mostReasons).join('; ');
        return { status: 200, body: success(reasons.length, message, isJson) };
      } catch (error) {
        if (!(error instanceof OtlpUnreadable || error instanceof BodyUnreadable)) throw error;
        live.count({ format: 'otlp', reason: error.message }, at);
        const status = error instanceof BodyUnreadable ? error.status : 400;
        return { status, body: failure(error.message, isJson) };
      }
    },
  };
}

/** @throws {OtlpUnreadable | BodyUnreadable} */
function pointsOf(report: Report, isJson: boolean): readonly Point[] {
  return readWhole(report, (body) => {
    const points: Point[] = [];
    for (const point of isJson ? pointsInJson(body) : pointsInProtobuf(body)) {
      points.push(point);
      if (points.length > mostRecords) throw new BodyUnreadable(413, `there are more than ${mostRecords} points in it`);
    }
    return points;
  });
}

/** An ExportMetricsServiceResponse. Where all was taken it is empty. */
function success(rejected: number, message: string, isJson: boolean): string | Uint8Array {
  if (rejected === 0) return isJson ? json({}) : new Uint8Array(0);
  if (isJson) return json({ partialSuccess: { rejectedDataPoints: String(rejected), errorMessage: message } });
  const partial = new BinaryWriter().tag(1, WireType.Varint).int64(rejected);
  partial.tag(2, WireType.LengthDelimited).string(message);
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(partial.finish()).finish();
}

function json(value: unknown): string {
  return JSON.stringify(value);
}
