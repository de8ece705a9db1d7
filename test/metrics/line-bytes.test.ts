/** Lines of the page as bytes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineBytes } from '../../src/metrics/line-bytes.ts';

const encoder = new TextEncoder();

test('what was added is taken in UTF-8, in order, each time anew', () => {
  const lines = new LineBytes();
  const texts = fc.array(fc.string({ unit: 'binary', maxLength: 200 }), { maxLength: 50 });
  fc.assert(
    fc.property(texts, (added) => {
      for (const text of added) lines.add(text);
      expect(lines.take()).toEqual(encoder.encode(added.join('')));
    }),
  );
});

test('a line can be longer than all that was there before, and three bytes for each unit', () => {
  const lines = new LineBytes();
  lines.add('a');
  lines.add('€'.repeat(100_000));
  expect(lines.take()).toEqual(encoder.encode(`a${'€'.repeat(100_000)}`));
});

test('half of a pair of surrogates becomes U+FFFD, as everywhere', () => {
  const lines = new LineBytes();
  lines.add('a\ud800b\udc00é');
  expect(lines.take()).toEqual(encoder.encode('a\ufffdb\ufffdé'));
});

test('what was taken stays as it is', () => {
  const lines = new LineBytes();
  lines.add('first');
  const first = lines.take();
  lines.add('other');
  expect(Buffer.from(first).toString()).toBe('first');
  expect(Buffer.from(lines.take()).toString()).toBe('other');
});

test('lines that were given up do not come back', () => {
  const lines = new LineBytes();
  lines.add('half');
  lines.clear();
  lines.add('whole');
  expect(Buffer.from(lines.take()).toString()).toBe('whole');
});
