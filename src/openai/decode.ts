/**
 * From the bytes of a page to columns. The one place that looks at what the API sent: behind it a value is known to
 * be a number that a count or an amount can have.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { allDimensions, type Endpoint, type Field } from './catalogue.ts';
import type { RawBucket, RawLabel, RawPage } from './page.ts';
import { cutPage, type Piece, rowsOf } from './pieces.ts';

/** The bytes are no page of buckets. What is wrong with one row is no reason: that row is refused and counted. */
export class MalformedPage extends Error {
  override readonly name = 'MalformedPage';
}

/** Names of numeric fields that the catalogue does not know: so many are taken from a page. */
export const mostUnknownFields = 64;

/** More than any `limit` allows. */
const mostBuckets = 10_000;
/** The event loop gets a turn after this many rows. */
const rowsAtAStretch = 250;
/** Rows hold objects in objects at most this deep, as far as unknown fields are looked for. */
const deepest = 3;

/**
 * The page in `body`, as columns. A column is there when a row of the bucket has the field.
 * @param groupBy the dimensions of the query, in its order: the label columns
 * @param unknownFields how many names the catalogue does not know are taken, in the order they appear
 * @throws {MalformedPage} if it is not a page of buckets
 */
export async function decodePage(
  body: Buffer,
  endpoint: Endpoint,
  groupBy: readonly string[],
  unknownFields: number = mostUnknownFields,
): Promise<RawPage> {
  const cutting = cutPage(body);
  let cut = cutting.next();
  for (; cut.done !== true; cut = cutting.next()) await nextTurn();
  const { frame, lists } = cut.value;
  const page = parsed(() => JSON.parse(frame));
  if (!isObject(page)) throw new MalformedPage(`a page should be an object, not ${kindOf(page)}`);
  const data = own(page, 'data');
  if (!Array.isArray(data)) throw new MalformedPage(`data should be an array, not ${kindOf(data)}`);
  if (data.length > mostBuckets) throw new MalformedPage(`${data.length} buckets in one page`);

  const reader = createRowReader(endpoint, groupBy, unknownFields);
  const buckets: RawBucket[] = [];
  let sinceTurn = 0;
  for (const bucket of data) {
    const { start, end, results } = bucketOf(bucket, lists);
    const columns = reader.columns(results.reduce((rows, piece) => rows + piece.rows, 0));
    for (const piece of results) {
      sinceTurn += piece.rows;
      if (sinceTurn > rowsAtAStretch) {
        await nextTurn();
        sinceTurn = piece.rows;
      }
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

/** What a row was refused for is not told further; that it was is counted. */
const refused = Symbol('refused');

interface Columns {
  /** Appends a row, or counts it as refused. */
  add(row: unknown): void;
  finish(start: number, end: number): RawBucket;
}

function createRowReader(
  endpoint: Endpoint,
  groupBy: readonly string[],
  unknownFields: number,
): { columns(capacity: number): Columns } {
  const knownPaths = new Set<string>([
    'object',
    ...allDimensions,
    ...endpoint.fields.flatMap(({ path, unitLabel }) => [path, ...(unitLabel ? [unitLabel.path] : [])]).map(pathKey),
  ]);
  const knownNames = new Set<string>([...endpoint.fields.map(({ name }) => name), ...endpoint.dimensions]);
  /** Names of the unknown fields of this page by the path that had the name first; null for what is passed over. */
  const unknownNames = new Map<string, string | null>();
  const taken = new Set<string>();

  function nameOfUnknown(path: readonly string[]): string | null {
    const key = pathKey(path);
    const found = unknownNames.get(key);
    if (found !== undefined) return found;
    const name = path.join('_');
    const wanted =
      /^[a-z][a-z0-9_]*$/.test(name) &&
      // An identifier that happens to be a number is no amount of anything.
      !/(?:^|_)id$/.test(name) &&
      !knownNames.has(name) &&
      !taken.has(name);
    if (wanted && taken.size >= unknownFields) return null;
    // Paths are remembered so that a row costs a look-up each; what somebody else makes up is not, without bound.
    if (unknownNames.size < 10 * mostUnknownFields) unknownNames.set(key, wanted ? name : null);
    else if (wanted) return null;
    if (!wanted) return null;
    taken.add(name);
    return name;
  }

  function columns(capacity: number): Columns {
    let rows = 0;
    let malformedRows = 0;
    const refusedLabels: RawLabel[][] = [];
    const labels: RawLabel[][] = groupBy.map(() => []);
    const numbers = new Map<string, Float64Array>();
    const decimals = new Map<string, (string | null)[]>();
    const units = new Map<string, RawLabel[]>();
    for (const { name, kind, unitLabel } of endpoint.fields) {
      if (capacity > 0 && kind === 'money') decimals.set(name, []);
      if (capacity > 0 && unitLabel !== undefined) units.set(name, []);
    }

    function put(name: string, value: number): void {
      let column = numbers.get(name);
      if (column === undefined) {
        column = new Float64Array(capacity).fill(Number.NaN);
        numbers.set(name, column);
      }
      column[rows] = value;
    }

    function readField(row: object, field: Field): typeof refused | undefined {
      const value = at(row, field.path);
      if (field.unitLabel !== undefined) {
        const unit = labelOf(at(row, field.unitLabel.path));
        if (unit === refused) return refused;
        const column = units.get(field.name);
        // Spend limits have it in upper case, rows in lower; labels are always lower.
        if (column) column[rows] = field.kind === 'money' && typeof unit === 'string' ? unit.toLowerCase() : unit;
      }
      if (value === refused) return refused;
      if (field.kind === 'money') {
        const text = value === undefined || value === null ? null : decimalText(value);
        if (text === undefined) return refused;
        const column = decimals.get(field.name);
        if (column) column[rows] = text;
        return undefined;
      }
      if (value === undefined || value === null) return undefined;
      if (typeof value !== 'number' || !Number.isFinite(value)) return refused;
      if (value < 0 && field.kind !== 'quantity') return refused;
      put(field.name, value);
      return undefined;
    }

    function readUnknown(object: object, path: readonly string[]): void {
      for (const [key, value] of Object.entries(object)) {
        if (typeof value === 'number') {
          if (path.length === 0 && knownPaths.has(key)) continue;
          const whole = [...path, key];
          if (knownPaths.has(pathKey(whole)) || !Number.isFinite(value)) continue;
          const name = nameOfUnknown(whole);
          if (name !== null) put(name, value);
        } else if (isObject(value) && path.length + 1 < deepest) {
          readUnknown(value, [...path, key]);
        }
      }
    }

    function read(row: unknown): typeof refused | undefined {
      if (!isObject(row)) return refused;
      for (const [index, dimension] of groupBy.entries()) {
        const label = labelOf(own(row, dimension));
        if (label === refused) return refused;
        const column = labels[index];
        if (column) column[rows] = label;
      }
      for (const field of endpoint.fields) {
        if (readField(row, field) !== refused) continue;
        refusedLabels.push(labels.map((column) => column[rows] ?? null));
        return refused;
      }
      readUnknown(row, []);
      return undefined;
    }

    return {
      add(row) {
        if (read(row) !== refused) {
          rows += 1;
          return;
        }
        malformedRows += 1;
        // The next row takes the place, also in the columns of fields that it does not have.
        for (const column of numbers.values()) column[rows] = Number.NaN;
      },
      finish(start, end) {
        for (const column of [...labels, ...decimals.values(), ...units.values()]) column.length = rows;
        for (const [name, column] of numbers) {
          if (column.length > rows) numbers.set(name, column.slice(0, rows));
        }
        return { start, end, rows, labels, numbers, decimals, units, malformedRows, refused: refusedLabels };
      },
    };
  }

  return { columns };
}

/** The value at `path`; undefined where a part is missing or null, `refused` where there is something else on the way. */
function at(row: object, path: readonly string[]): unknown {
  let value: unknown = row;
  for (const name of path) {
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) return refused;
    value = own(value, name);
  }
  return value;
}

function labelOf(value: unknown): RawLabel | typeof refused {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return typeof value === 'number' && Number.isFinite(value) ? value : refused;
}

const mostDigits = 64;
const largestExponent = 64;

/**
 * The amount as decimal text that an exact sum can take; `"0"` for every way to write zero, of which the API has
 * some (`"0E-6176"`). Undefined if it is no decimal, or longer or larger than any amount of money.
 */
export function decimalText(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? decimalText(String(value)) : undefined;
  if (typeof value !== 'string' || value.length > 256) return undefined;
  const parts = /^-?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(value);
  if (parts === null) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = parts;
  const digits = whole + fraction;
  if (digits === '') return undefined;
  if (/^0*$/.test(digits)) return '0';
  if (digits.length > mostDigits || Math.abs(Number(exponent)) > largestExponent) return undefined;
  // Some readers of decimals want a digit on both sides of the point.
  const tail = fraction === '' ? '' : `.${fraction}`;
  return `${value.startsWith('-') ? '-' : ''}${whole === '' ? '0' : whole}${tail}${parts[3] === undefined ? '' : `e${exponent}`}`;
}

function pathKey(path: readonly string[]): string {
  return path.length === 1 && path[0] !== undefined ? path[0] : path.join('\u0000');
}

type PlainObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function own(object: PlainObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
