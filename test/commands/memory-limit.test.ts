/** A memory limit that is too small is told at the start, because a process that reaches it cannot say anything. */
import { expect, test } from 'vitest';
import { judgeMemory } from '../../src/commands/memory-limit.ts';

const mebibyte = 2 ** 20;

test.each([undefined, 0, 192 * mebibyte, 2 ** 63, 2 ** 64])('nothing is wrong with %s', (limit) => {
  expect(judgeMemory(limit)).toEqual({});
});

test.each([1, 64 * mebibyte, 80 * mebibyte - 1])('%i bytes are a mistake that says what to raise', (limit) => {
  const mebibytes = Math.floor(limit / mebibyte);
  expect(judgeMemory(limit)).toEqual({
    mistake: expect.stringMatching(new RegExp(`^the memory limit is ${mebibytes} MiB, .* raise the limit`)),
  });
});

test.each([80 * mebibyte, 192 * mebibyte - 1])('%i bytes are worth a warning', (limit) => {
  expect(judgeMemory(limit)).toEqual({ warning: expect.stringContaining('a small organization alone') });
});
