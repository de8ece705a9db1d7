/** Rendering leaves out what it rendered before: the page must be the same as one rendered anew, byte for byte. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createChanges } from '../../src/metrics/changes.ts';
import { KeptParts } from '../../src/metrics/kept-parts.ts';
import { createPublisher } from '../../src/metrics/publisher.ts';
import { renderApi } from '../../src/metrics/render.ts';
import type { Section } from '../../src/metrics/section.ts';
import { createShownPage } from '../../src/metrics/shown-page.ts';
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { CounterBook, type Opening } from '../../src/usage/counters.ts';
import { Ledger } from '../../src/usage/ledger.ts';
import { recent } from '../../src/usage/recent.ts';
import { bucketAt, hour, minute } from '../../src/usage/windows.ts';
import { textOf } from '../helpers/rendered.ts';
import { endpointNamed, rawBucket, seconds } from '../helpers/rows.ts';

const endpoint = endpointNamed('embeddings');
const anchor = seconds('2026-05-01T00:00Z');
const start = seconds('2026-05-01T03:10Z') * 1_000;
const settleDelay = 15 * minute;

/** Some bucket of the last hours, with rows of `count` groups from `first` on. */
interface Put {
  readonly width: Width;
  readonly back: number;
  readonly first: number;
  readonly count: number;
  readonly value: number;
  readonly unknown: boolean;
}

const put: fc.Arbitrary<Put> = fc.record({
  width: fc.constantFrom<Width>('1m', '1h'),
  back: fc.nat({ max: 20 }),
  first: fc.nat({ max: 400 }),
  count: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 1_500 })),
  value: fc.nat({ max: 3 }),
  unknown: fc.boolean(),
});

/** Holds what comes in before a page is made. */
const step = fc.record({
  before: fc.array(put, { maxLength: 4 }),
  passes: fc.constantFrom(0, minute, 20 * minute, 52 * minute, 2 * hour),
});

const openings = fc.constantFrom<Opening>('zero', 'history');

test('a page made of kept parts is that made anew, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), openings, async (steps, opening) => {
      const time = { now: start, elapsed: 0 };
      const ledger = new Ledger({
        endpoint,
        dimensions: ['model'],
        maxGroups: 1_700,
        anchor,
        clock: { now: () => time.now },
      });
      const until = seconds('2026-06-01T00:00Z');
      const book = new CounterBook({ ledger, opening, zeroHold: 2 * minute, until });
      const takeIn = ({ width, back, first, count, value, unknown }: Put) => {
        const rows = Array.from({ length: count }, (_, row) => ({
          labels: [`model ${first + row}`],
          fields: { input_tokens: value * row, num_model_requests: row % 2, ...(unknown ? { surprise: row } : {}) },
        }));
        const at = bucketAt(time.now, width) - back * widthSeconds[width];
        const raw = rawBucket(width, at, rows);
        const bucket = collectBucket(raw, width, time.now, settleDelay, ledger.groups, ledger.fields);
        if (bucket !== undefined) ledger.put(bucket);
      };

      let whole = '';
      const kept = new KeptParts();
      const section: Section = {
        name: 'embeddings',
        *render(now, elapsed) {
          const held = (width: Width, at: number) => ledger.buckets.get(width, at);
          const { shown } = recent({ endpoint, settleDelay, interval: () => minute }, held, now);
          const view = { ledger, series: ledger.seriesNow(), shown, book, settleDelayMinutes: 15 };
          book.advance(now, elapsed);
          whole = [...renderApi(view, new KeptParts())].map(textOf).join('');
          yield* renderApi(view, kept);
          return undefined;
        },
      };
      const shown = createShownPage();
      const changes = createChanges();
      const publisher = createPublisher({
        changes,
        sections: [section],
        clock: { now: () => time.now, monotonic: () => time.elapsed, sleep: async () => {} },
        compress: (text) => ({ bytes: text, length: text.length, crc: 0 }),
        show: shown.show,
      });
      for (const { before, passes } of steps) {
        time.now += passes;
        time.elapsed += passes;
        before.forEach(takeIn);
        changes.note(section.name);
        await publisher.publish();
        const page = shown.current();
        expect(Buffer.concat([...page.plain]).toString() === whole).toBe(true);
        expect(Buffer.concat([...page.gzip]).toString() === whole).toBe(true);
        expect(publisher.series()).toBe((whole.match(/^[a-z]/gm) ?? []).length);
      }
    }),
    {
      numRuns: 30,
      // An hour in progress ends, and nothing else happens.
      examples: [
        [
          [
            { before: [{ width: '1h', back: 0, first: 0, count: 2, value: 1, unknown: false }], passes: 0 },
            { before: [], passes: 52 * minute },
          ],
          'zero',
        ],
      ],
    },
  );
}, 60_000);

test('what has not changed is not rendered again', () => {
  const ledger = new Ledger({ endpoint, dimensions: ['model'], maxGroups: 10, anchor, clock: { now: () => start } });
  const bucketOf = (at: number) => {
    const raw = rawBucket('1m', at, [{ labels: ['m'], fields: { input_tokens: 1, num_model_requests: 1 } }]);
    const bucket = collectBucket(raw, '1m', start, settleDelay, ledger.groups, ledger.fields);
    if (bucket === undefined) throw new Error('it is whole');
    ledger.put(bucket);
    return bucket;
  };
  const kept = new KeptParts();
  const texts = (bucket: ReturnType<typeof bucketOf>) => {
    const shown = [{ width: '1m', state: 'settled', bucket, before: [] }] as const;
    const view = { ledger, series: ledger.seriesNow(), shown, book: undefined, settleDelayMinutes: 15 };
    return [...renderApi(view, kept)].map(textOf);
  };
  const bucket = bucketOf(start / 1_000 - 1_800);
  expect(texts(bucket).every((text) => text.includes('embeddings'))).toBe(true);
  expect(texts(bucket)).toEqual(['', '']);
  expect(texts(bucketOf(start / 1_000 - 1_740)).every((text) => text !== '')).toBe(true);
});
