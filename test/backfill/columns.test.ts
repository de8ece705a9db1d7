/** Samples by instant, read back by series: whatever was appended, in whatever blocks it went to the file. */
import { mkdtempSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ColumnFile } from '../../src/backfill/columns.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return { ...fs, readSync: vi.fn<typeof fs.readSync>(fs.readSync) };
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'columns-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A value that tells where it belongs; some are missing. */
const valueAt = (field: number, row: number, instant: number) =>
  (field + row + instant) % 5 === 0 ? Number.NaN : field * 1e9 + row * 1e6 + instant;

/** Rows come in as time goes on: those that there are at this instant. */
type RowsAt = (instant: number) => number;

function written(fields: number, instants: number, rowsAt: RowsAt): ColumnFile {
  const file = new ColumnFile(join(folder, 'columns'), fields, 2_000);
  for (let instant = 0; instant < instants; instant++) {
    const rows = Array.from({ length: rowsAt(instant) }, (_, row) => row);
    file.append(
      instant * 1_000,
      Array.from({ length: fields }, (_, field) => Float64Array.from(rows, (row) => valueAt(field, row, instant))),
    );
  }
  return file;
}

function seriesOf(file: ColumnFile, field: number, from: number, to: number) {
  const found = new Map<number, (readonly [number, number])[]>();
  for (const { row, instants, values } of file.series(field, from, to)) {
    const samples = instants.map((at, index) => [at, values[index] ?? Number.NaN] as const);
    found.set(
      row,
      samples.filter(([, value]) => !Number.isNaN(value)),
    );
  }
  return found;
}

test.each<[number, number, RowsAt, number, number]>([
  [2, 10, (instant) => 1 + instant, 0, 1e9],
  [2, 10, () => 3, 3_000, 7_000],
  // Several blocks, with more rows in the later ones.
  [3, 90, (instant) => (instant < 40 ? 100 : 150), 0, 1e9],
  [3, 90, (instant) => (instant < 40 ? 100 : 150), 25_500, 77_000],
  // More instants than rows fit beside one another.
  [1, 3_000, () => 9, 1_000, 2_990_000],
])(
  '%i fields and %i instants',
  (fields, instants, rowsAt, from, to) => {
    const file = written(fields, instants, rowsAt);
    for (let field = 0; field < fields; field++) {
      const found = seriesOf(file, field, from, to);
      expect([...found.keys()]).toEqual(Array.from({ length: rowsAt(instants - 1) }, (_, row) => row));
      let wrong = 0;
      let count = 0;
      for (const [row, samples] of found) {
        for (const [at, value] of samples) if (value !== valueAt(field, row, at / 1_000)) wrong++;
        count += samples.length;
      }
      let expected = 0;
      for (let instant = Math.ceil(from / 1_000); instant < Math.min(instants, to / 1_000); instant++) {
        for (let row = 0; row < rowsAt(instant); row++) if (!Number.isNaN(valueAt(field, row, instant))) expected++;
      }
      expect([wrong, count]).toEqual([0, expected]);
    }
    file.close();
  },
  60_000,
);

test('reads a year of minutes in large pieces', () => {
  const minutes = 527_040;
  const columns = [Float64Array.of(1, 2, 3, 4, 5)];
  const file = new ColumnFile(join(folder, 'year'), 1);
  for (let minute = 0; minute < minutes; minute++) file.append(minute * 60_000, columns);
  vi.mocked(readSync).mockClear();
  const series: unknown[] = [];
  for (const { row, instants, values } of file.series(0, 0, Number.POSITIVE_INFINITY)) {
    series.push([row, instants.length, values[0], values.at(-1)]);
  }
  expect(series).toEqual([1, 2, 3, 4, 5].map((value) => [value - 1, minutes, value, value]));
  expect(vi.mocked(readSync).mock.calls.length).toBeLessThan(20);
  file.close();
}, 20_000);
