/** Memory that is given back. */
import { expect, test } from 'vitest';
import { freeBuffer } from '../src/free-buffer.ts';

test('the memory of a large buffer is gone at once, for all views of it', () => {
  const whole = Buffer.alloc(65_536, 1);
  const part = whole.subarray(100, 200);
  freeBuffer(part);
  expect([whole.length, part.length, whole.buffer.byteLength]).toEqual([0, 0, 0]);
  // Once more is no error.
  freeBuffer(part);
});

test('small buffers share the memory of a pool, which stays', () => {
  const [mine, other] = [Buffer.from('mine'), Buffer.from('other')];
  freeBuffer(mine);
  expect([mine, other].map(String)).toEqual(['mine', 'other']);
});

test('memory that threads share stays', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(65_536)).fill(1);
  freeBuffer(shared);
  expect(shared.length).toBe(65_536);
});
