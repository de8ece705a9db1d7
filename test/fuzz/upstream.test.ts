/** Whatever the API sends, it is read or refused, by what reads pages and by what reads lists. */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { endpoints, widthSeconds } from '../../src/openai/catalogue.ts';
import { decodePage, MalformedPage } from '../../src/openai/decode.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { lists } from '../../src/openai/lists.ts';
import { readList } from '../helpers/read-list.ts';
import { listBody, pageBody } from './bodies.ts';
import { fuzzRuns, fuzzTimeout } from './runs.ts';
import { expectCleanPrototypes, sending } from './sending.ts';

afterEach(expectCleanPrototypes);

const endpoint = fc.constantFrom(...endpoints);
const widthOf = fc.constantFrom<'1m' | '1h' | '1d'>('1m', '1h', '1d');

test('a page is decoded or refused', { timeout: fuzzTimeout }, async () => {
  let decoded = 0;
  await fc.assert(
    fc.asyncProperty(pageBody, endpoint, widthOf, async (body, endpoint, width) => {
      try {
        const page = decodePage(body(1_700_006_400, widthSeconds[width]), endpoint, endpoint.dimensions);
        decoded += 1;
        for (const { rows, numbers, labels } of page.buckets) {
          for (const [name, column] of numbers) expect([name, column.length]).toEqual([name, rows]);
          expect(labels.every((column) => column.length === rows)).toBe(true);
        }
      } catch (error) {
        if (!(error instanceof MalformedPage)) throw error;
      }
    }),
    { numRuns: fuzzRuns(11_000) },
  );
  // Not all of it is refused at the door.
  expect(decoded).toBeGreaterThan(fuzzRuns(11_000) / 4);
});

test('a list is read or refused', { timeout: fuzzTimeout }, async () => {
  const clock = { monotonic: () => 0 };
  const all = fc.constantFrom(...Object.values(lists).map((list) => list.api));
  let read = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(listBody, { minLength: 1, maxLength: 3 }), all, async (bodies, api) => {
      let asked = 0;
      const client = sending(() => bodies[asked++ % bodies.length] ?? (() => Buffer.from('')));
      const list = Object.values(lists).find((each) => each.api === api);
      if (list === undefined) throw new Error(`no list ${api}`);
      const { items, failure } = await readList<unknown>(client, clock, list, 'proj_a');
      read += items.length;
      if (failure !== undefined) expect(failure).toBeInstanceOf(ApiError);
      // Cursors that others make up are followed to a bound.
      expect(asked).toBeLessThanOrEqual(1_000);
    }),
    { numRuns: fuzzRuns(4_000) },
  );
  expect(read).toBeGreaterThan(100);
});
