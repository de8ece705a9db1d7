import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collectBucket } from '../../src/usage/bucket.ts';
import { FieldTable } from '../../src/usage/fields.ts';
import { GroupTable } from '../../src/usage/groups.ts';
import { endpointNamed, rawBucket, seconds } from '../helpers/rows.ts';

const start = seconds('2026-05-01T00:00Z');

function columnOf(values: readonly number[]) {
  const endpoint = endpointNamed('audio_transcriptions');
  const fields = new FieldTable(endpoint);
  const rows = values.map((value, index) => ({ labels: [`model ${index}`], fields: { seconds: value } }));
  const groups = new GroupTable(['model'], 1_000);
  const bucket = collectBucket(rawBucket('1h', start, rows), '1h', start * 1_000, 0, groups, fields);
  return bucket?.numbers.get(fields.index('seconds') ?? -1);
}

test('every number is kept as it is, whatever its size', () => {
  const number = fc.oneof(fc.nat(), fc.nat({ max: 100 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), (values) => {
      expect([...(columnOf(values) ?? [])]).toEqual(values);
    }),
  );
});

test.each([
  [[1, 0, 16_777_216], 4],
  [[1, 0, 16_777_217], 8],
  [[0.5], 4],
  [[0.1], 8],
])('%j take %d bytes each', (values, bytes) => {
  expect(columnOf(values)?.BYTES_PER_ELEMENT).toBe(bytes);
});
