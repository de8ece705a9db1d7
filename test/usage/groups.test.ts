import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { RawLabel } from '../../src/openai/bucket-page.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { FieldTable } from '../../src/usage/fields.ts';
import { GroupTable } from '../../src/usage/groups.ts';
import { labelValue } from '../../src/usage/labels.ts';
import { endpointNamed, rawBucket, seconds } from '../helpers/rows.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

const raw: fc.Arbitrary<RawLabel> = fc.oneof(
  fc.constantFrom<RawLabel>(
    null,
    '',
    'none',
    'other',
    true,
    'true',
    1,
    '1',
    '\u0000',
    '\u0001',
    '\u0001e',
    '\u0001s',
    ',',
  ),
  fc.string({ unit: fc.constantFrom('\u0000', '\u0001', 'e', 's', '"', '\\', 'n', '\n', ',', '='), maxLength: 5 }),
  fc.string({ unit: 'binary', maxLength: 5 }),
);

describe('groups', () => {
  test('no two tuples share one, and each keeps its own', () => {
    const tuple = fc.tuple(raw, raw, raw);
    fc.assert(
      fc.property(fc.array(tuple, { maxLength: 30 }), (tuples) => {
        const table = new GroupTable(['a', 'b', 'c'], 1_000);
        const ids = tuples.map((labels) => table.intern(labels));
        tuples.forEach((labels, index) => {
          expect(table.intern(labels)).toBe(ids[index]);
          expect(table.values(ids[index] ?? -1)).toEqual(labels.map(labelValue));
        });
        const distinct = new Set(tuples.map((labels) => JSON.stringify(labels.map(labelValue))));
        expect(new Set(ids).size).toBe(distinct.size);
        expect(new Set(ids.map((id) => table.text(id))).size).toBe(distinct.size);
        expect(table.size).toBe(distinct.size);
      }),
      { numRuns: propertyRuns },
    );
  });

  test('null, an empty text and the word none are one group', () => {
    const table = new GroupTable(['a'], 10);
    expect(new Set([null, '', 'none'].map((value) => table.intern([value]))).size).toBe(1);
    expect(table.text(0)).toBe('a="none"');
  });

  test('grouped by nothing there is one group without labels', () => {
    const table = new GroupTable([], 10);
    expect(table.intern([])).toBe(table.intern([]));
    expect(table.text(0)).toBe('');
  });

  test('past the bound all further ones are one, whose dimensions read other', () => {
    const table = new GroupTable(['a', 'b'], 2);
    const kept = [table.intern(['x', 'y']), table.intern(['x', 'z'])];
    const folded = [table.intern(['n', '1']), table.intern(['n', '2']), table.intern([null, null])];
    expect(new Set(folded)).toEqual(new Set([table.folded]));
    expect(table.text(folded[0] ?? -1)).toBe('a="other",b="other"');
    expect([table.intern(['x', 'y']), table.intern(['x', 'z'])]).toEqual(kept);
    expect(table.size).toBe(3);
  });

  test('a group that really is called other is the same series, not a second one', () => {
    const table = new GroupTable(['a'], 2);
    const real = table.intern(['other']);
    table.intern(['x']);
    expect(table.intern(['y'])).toBe(real);
    expect(table.size).toBe(2);
  });

  test('which of several newcomers are folded depends on their labels, not on their order', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.nat()), (texts, most, random) => {
        const shuffled = texts
          .map((text) => ({ text, by: random.next().value ?? 0 }))
          .sort((a, b) => a.by - b.by)
          .map(({ text }) => text);
        const admitted = [texts, shuffled].map((order) => {
          const table = new GroupTable(['a'], most);
          table.admit(order.map((text) => [text]));
          return Array.from({ length: table.size }, (_, id) => table.text(id)).sort();
        });
        expect(admitted[0]).toEqual(admitted[1]);
        expect(admitted[0]?.length).toBe(Math.min(most, texts.length));
      }),
      { numRuns: propertyRuns },
    );
  });

  test('folding keeps every sum, and never holds more groups than the bound and one', () => {
    const endpoint = endpointNamed('embeddings');
    const start = seconds('2026-05-15T12:00Z');
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 1_000 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 4 }), fc.integer({ min: 1, max: 20 }), (buckets, most) => {
        const groups = new GroupTable(['model'], most);
        const fields = new FieldTable(endpoint);
        buckets.forEach((each, index) => {
          const bucket = collectBucket(
            rawBucket(
              '1m',
              start + index * 60,
              each.map(([model, tokens]) => ({ labels: [`m${model}`], fields: { input_tokens: tokens } })),
            ),
            '1m',
            (start + 7_200) * 1_000,
            0,
            groups,
            fields,
          );
          const sum = [...(bucket?.numbers.get(0) ?? [])].reduce((a, b) => a + (Number.isNaN(b) ? 0 : b), 0);
          expect(sum).toBe(each.reduce((a, [, tokens]) => a + tokens, 0));
          const names = new Set(each.map(([model]) => `m${model}`));
          const kept = each.filter(([model]) =>
            Array.from({ length: groups.size }, (_, id) => groups.values(id)[0]).includes(`m${model}`),
          );
          expect(bucket?.foldedRows).toBe(each.length - kept.length);
          expect(bucket?.groups.length).toBeLessThanOrEqual(Math.min(names.size, most + 1));
        });
        expect(groups.size).toBeLessThanOrEqual(most + 1);
      }),
      { numRuns: propertyRuns },
    );
  });

  test('a unit is a label of its own, before the dimensions, and no two share a group', () => {
    const table = new GroupTable(['project_id'], 10);
    const base = table.intern(['p']);
    const usd = table.withUnit(base, 'currency', 'usd');
    const eur = table.withUnit(base, 'currency', 'eur');
    const unit = table.withUnit(base, 'quantity_unit', 'usd');
    expect(new Set([base, usd, eur, unit]).size).toBe(4);
    expect(table.text(usd)).toBe('currency="usd",project_id="p"');
    expect(table.text(table.withUnit(base, 'currency', null))).toBe('currency="none",project_id="p"');
    expect([base, usd, eur, unit].map((group) => table.base(group))).toEqual([base, base, base, base]);
  });

  test('units are bounded, too', () => {
    const table = new GroupTable(['p'], 10);
    const base = table.intern(['p']);
    for (let unit = 0; unit < 10_000; unit++) table.withUnit(base, 'quantity_unit', `unit ${unit}`);
    expect(table.size).toBeLessThan(200);
    expect(table.text(table.withUnit(base, 'quantity_unit', 'one more'))).toBe('quantity_unit="other",p="p"');
  });
});
