/** The body of a report: whole while it is read, and gone afterwards. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Report, readWhole } from '../../src/live/report.ts';

const text = 'a prompt of somebody '.repeat(2_000);
const bytes = Buffer.from(text);

function reported(body: readonly Uint8Array[], isGzip = false): Report {
  return { form: 'records', body, isGzip, query: '' };
}

test.each([
  ['of several pieces', reported([bytes.subarray(0, 30_000), bytes.subarray(30_000)])],
  ['that is unpacked', reported([gzipSync(bytes)], true)],
])('the copy of a body %s is free as soon as it has been read, or could not be', (_, report) => {
  const seen: Buffer[] = [];
  const read = (whole: Buffer) => {
    seen.push(whole);
    return whole.toString();
  };
  expect(readWhole(report, read)).toBe(text);
  const fail = (whole: Buffer) => {
    seen.push(whole);
    throw new Error('unreadable');
  };
  expect(() => readWhole(report, fail)).toThrow('unreadable');
  expect(seen.map(({ length }) => length)).toEqual([0, 0]);
  expect(report.body.every(({ length }) => length > 0)).toBe(true);
});

test('a body of one piece is read without a copy', () => {
  const piece = Buffer.from(text);
  expect(readWhole(reported([piece]), (whole) => whole.buffer)).toBe(piece.buffer);
  expect(piece.toString()).toBe(text);
});
