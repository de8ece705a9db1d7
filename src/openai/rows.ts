/**
 * The rows of a bucket, one after another, into columns: the labels that were asked for, the fields of the catalogue
 * and the numbers that it does not know. Behind it a value is one that a count or an amount can have.
 */
import { allDimensions, type Endpoint, type Field } from './catalogue.ts';
import { decimalText } from './decimal.ts';
import { isObject, own } from './json.ts';
import type { RawBucket, RawLabel } from './page.ts';

/** Names of numeric fields that the catalogue does not know: so many are taken from a page. */
export const mostUnknownFields = 64;

/** Rows hold objects in objects at most this deep, as far as unknown fields are looked for. */
const deepest = 3;

/** What a row was refused for is not told further; that it was is counted. */
const refused = Symbol('refused');

export interface Columns {
  /** Appends a row, or counts it as refused. */
  add(row: unknown): void;
  /** The rows so far, as a bucket from `start` to `end`; nothing can be added afterwards. */
  finish(start: number, end: number): RawBucket;
}

/**
 * Makes columns for the buckets of one page; what is unknown there keeps its name through all of them.
 * @param groupBy the dimensions that become label columns, in their order
 * @param unknownFields how many names the catalogue does not know are taken, in the order they appear
 */
export function createRowReader(
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

function pathKey(path: readonly string[]): string {
  return path.length === 1 && path[0] !== undefined ? path[0] : path.join('\u0000');
}
