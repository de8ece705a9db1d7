/** Tests when V8 is told to let the heap grow: once for pages whose garbage takes time, and no longer than these last. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createHeapGrowth } from '../../src/reader/heap-growth.ts';

test('the heap of a large page grows further before it is collected; that of a small or a huge one is left to V8', () => {
  const flags: string[] = [];
  const grow = createHeapGrowth((flag) => flags.push(flag));
  for (const series of [0, 3_000, 19_999, 20_000, 100_000, 200_000, 200_001, 1_000_000, 100_000, 2_000]) grow(series);
  expect(flags).toEqual([
    // Whatever a thread before this one has set.
    '--heap-growing-percent=0',
    '--heap-growing-percent=200',
    '--heap-growing-percent=0',
    '--heap-growing-percent=200',
    '--heap-growing-percent=0',
  ]);
});

test('V8 knows the flag', () => {
  expect(execFileSync(process.execPath, ['--heap-growing-percent=200', '--print', '1'], { encoding: 'utf8' })).toBe(
    '1\n',
  );
});
