/**
 * Makes columns of the bytes of a page. This is the one place that looks at what the API sent: behind it a value is
 * known to be a number that a count or an amount can have.
 */

import type { RawBucket, RawPage } from './bucket-page.ts';
import type { Endpoint } from './catalogue.ts';
import { isObject, own } from './json.ts';
import { cutPage, type Piece, rowsOf } from './pieces.ts';
import { createRowReader, mostUnknownFields } from './rows.ts';

/** The bytes are no page of buckets. What is wrong with one row is no reason: that row is refused and counted. */
export class MalformedPage extends Error {
  override readonly name = 'MalformedPage';
}

/** More than any `limit` allows. */
const mostBuckets = 10_000;

/**
 * The page in `body`, as columns. A column is there when a row of the bucket has the field.
 * @param groupBy the dimensions of the query, in its order: the label columns
 * @param unknownFields how many names the catalogue does not know are taken, in the order they appear
 * @throws {MalformedPage} if it is not a page of buckets
 */
export function decodePage(
  body: Buffer,
  endpoint: Endpoint,
  groupBy: readonly string[],
  unknownFields: number = mostUnknownFields,
): RawPage {
  const { frame, lists } = cutPage(body);
  const page = parsed(() => JSON.parse(frame));
  if (!isObject(page)) throw new MalformedPage(`a page should be an object, not ${kindOf(page)}`);
  const data = own(page, 'data');
  if (!Array.isArray(data)) throw new MalformedPage(`data should be an array, not ${kindOf(data)}`);
  if (data.length > mostBuckets) throw new MalformedPage(`${data.length} buckets in one page`);

  const reader = createRowReader(endpoint, groupBy, unknownFields);
  const buckets: RawBucket[] = [];
  for (const bucket of data) {
    const { start, end, results } = bucketOf(bucket, lists);
    const columns = reader.columns(results.reduce((rows, piece) => rows + piece.rows, 0));
    for (const piece of results) {
      for (const row of parsed(() => rowsOf(body, piece))) columns.add(row);
    }
    buckets.push(columns.finish(start, end));
  }

  const next = own(page, 'next_page');
  return {
    buckets,
    hasMore: own(page, 'has_more') === true,
    nextPage: typeof next === 'string' && next !== '' ? next : null,
  };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new MalformedPage('the body is not JSON', { cause: error });
  }
}

/** @param lists what the arrays in place of `results` are numbers of */
function bucketOf(
  bucket: unknown,
  lists: readonly (readonly Piece[])[],
): { start: number; end: number; results: readonly Piece[] } {
  if (!isObject(bucket)) throw new MalformedPage(`a bucket should be an object, not ${kindOf(bucket)}`);
  const start = own(bucket, 'start_time');
  const end = own(bucket, 'end_time');
  const list = own(bucket, 'results');
  if (!isInteger(start)) throw new MalformedPage(`start_time should be an integer, not ${kindOf(start)}`);
  if (!isInteger(end)) throw new MalformedPage(`end_time should be an integer, not ${kindOf(end)}`);
  const results = Array.isArray(list) ? lists[Number(list[0])] : undefined;
  if (results === undefined) throw new MalformedPage(`results should be an array, not ${kindOf(list)}`);
  return { start, end, results };
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return `a ${typeof value}`;
}
