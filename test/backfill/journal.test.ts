/** The journal of a backfill holds whatever a bucket can have. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Journal, linesOf } from '../../src/backfill/journal.ts';
import { emptyBucket } from '../../src/openai/bucket-page.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { FieldTable } from '../../src/usage/fields.ts';
import { endpointNamed } from '../helpers/rows.ts';

test('takes a bucket with more groups than a call takes arguments', () => {
  const folder = mkdtempSync(join(tmpdir(), 'journal-test-'));
  const rows = 200_000;
  const endpoint = endpointNamed('embeddings');
  const fields = new FieldTable(endpoint);
  const path = join(folder, 'journal');
  const options = { path, endpoint, dimensions: ['model'], maxGroups: rows, fields, anchorOf: () => 0 };
  const journal = new Journal(options);
  const raw = {
    ...emptyBucket(0, 3_600, 1),
    rows,
    labels: [Array.from({ length: rows }, (_, row) => `m${row}`)],
    numbers: new Map([['input_tokens', new Float64Array(rows).fill(1)]]),
  };
  const bucket = collectBucket(raw, '1h', 1e13, 0, journal.groups(0), fields);
  if (bucket === undefined) throw new Error('no bucket');
  journal.append(0, [bucket]);
  const [line] = [...linesOf(path)];
  expect([line?.groups.length, line?.news.length]).toEqual([rows, rows]);
  rmSync(folder, { recursive: true });
}, 30_000);
