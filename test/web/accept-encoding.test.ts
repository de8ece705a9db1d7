import fc from 'fast-check';
import { expect, test } from 'vitest';
import { acceptsGzip } from '../../src/web/accept-encoding.ts';

test.each([
  ['gzip', true],
  ['GZIP', true],
  ['x-gzip', true],
  ['gzip, deflate, br, zstd', true],
  ['deflate, gzip;q=0.5', true],
  ['*', true],
  ['gzip;q=1.0, *;q=0', true],
  ['br, *;q=0.1', true],
  ['gzip ; q=0.001', true],
  [undefined, false],
  ['', false],
  ['identity', false],
  ['gzip;q=0', false],
  ['gzip;q=0.000', false],
  ['gzip; Q=0, *', false],
  ['gzip;q=0, x-gzip', false],
  ['*;q=0', false],
  ['gzip;q=', false],
  ['gzip;q=abc', false],
  ['gzip;q=-1', false],
  ['gzip;q=2', false],
  ['gzipped', false],
  [';;,,;q=1', false],
])('%j: %s', (header, expected) => expect(acceptsGzip(header)).toBe(expected));

test('no header is harmful, and none is taken for gzip that names neither gzip nor everything', () => {
  const piece = fc.constantFrom('br', 'gzi', 'zip', 'g zip', 'identity', ';', ',', ';q=1', ' ', 'q', '=', '0.5', '\t');
  const header = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(header, (text) => {
      const accepted = acceptsGzip(text);
      expect(accepted).toBeTypeOf('boolean');
      if (!/gzip|\*/i.test(text)) expect(accepted).toBe(false);
    }),
  );
});
