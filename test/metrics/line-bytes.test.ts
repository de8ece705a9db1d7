/** Lines of the page as bytes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleLine } from '../../src/metrics/exposition.ts';
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

test('samples are the lines that they are as texts, whatever was remembered before', () => {
  const text = fc.string({ unit: 'binary', maxLength: 30 });
  const values = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.constantFrom(0, -0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 1e21, 1e-7, Number.NaN, -1, 0.5),
  );
  const labels = fc.oneof(text, fc.constantFrom('', 'a="1"', 'a="2"', `a="${'€'.repeat(900)}"`));
  const samples = fc.array(
    fc.tuple(fc.constantFrom('one', 'other'), fc.constantFrom('', 'x="y"', 'é="y"'), labels, values),
  );
  const lines = new LineBytes();
  fc.assert(
    fc.property(fc.array(samples), (parts) => {
      for (const part of parts) {
        for (const sample of part) lines.addSample(...sample);
        expect(
          Buffer.from(lines.take()).equals(encoder.encode(part.map((sample) => sampleLine(...sample)).join(''))),
        ).toBe(true);
      }
    }),
  );
});

test('labels of more bytes than are remembered begin anew, and are right at every time', () => {
  const lines = new LineBytes();
  for (let round = 0; round < 3; round++) {
    for (let part = 0; part < 120; part++) {
      const all = Array.from({ length: 10 }, (_, at) => `part="${part}",at="${at}",long="${'€'.repeat(4_000)}"`);
      for (const labels of all) lines.addSample('name', 'fixed="f"', labels, part);
      expect(
        Buffer.from(lines.take()).equals(
          Buffer.from(all.map((labels) => sampleLine('name', 'fixed="f"', labels, part)).join('')),
        ),
      ).toBe(true);
    }
  }
});
