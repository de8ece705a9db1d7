/**
 * The rows of a bucket, one after another, into columns: the labels that were asked for, the fields of the catalogue
 * and the numbers that it does not know. Behind it a value is one that a count or an amount can have.
 *
 * What is done for each row loops by numbers: until a new thread's code is optimized, any other loop makes an object at
 * each step, and that was a quarter of all garbage at a start.
 */

import { isTooLong, type Loss, longestLabel, type RawBucket, type RawLabel } from './bucket-page.ts';
import { allDimensions, type Endpoint, type Field } from './catalogue.ts';
import { decimalText } from './decimal-text.ts';
import { isObject, own, type PlainObject } from './json.ts';

/** Names of numeric fields that the catalogue does not know: so many are taken from a page. */
export const mostUnknownFields = 64;

/** Rows hold objects in objects at most this deep, as far as unknown fields are looked for. */
const deepest = 3;

/** The most losses of a bucket that are reported; all of them are counted. */
const mostLosses = 20;
/** The most characters of what was sent that are reported. */
const longestSent = 60;

/** The part that cannot be read. */
const unreadable = Symbol('unreadable');

/** The fate of an unknown field: the name of its column, passed over because it is no amount, or lost. */
type Unknown = { readonly name: string } | 'passed' | 'lost';

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
    ...endpoint.fields
      .flatMap(({ path, unitLabel }) => [path, ...(unitLabel ? [unitLabel.path] : [])])
      // What is on the way to a known field is no field of its own, whatever is sent there.
      .flatMap((path) => path.map((_, index) => pathKey(path.slice(0, index + 1)))),
  ]);
  const knownNames = new Set<string>([...endpoint.fields.map(({ name }) => name), ...endpoint.dimensions]);
  const namesOrganization = endpoint.kind === 'costs';
  /** The fate of the unknown fields of this page, by path: the path that had a name first keeps it. */
  const unknownFieldsByPath = new Map<string, Unknown>();
  const taken = new Set<string>();

  function unknownAt(path: readonly string[]): Unknown {
    const key = pathKey(path);
    const found = unknownFieldsByPath.get(key);
    if (found !== undefined) return found;
    const name = path.join('_');
    // An identifier that happens to be a number is no amount of anything, and a copy of what is known says nothing new.
    const isAmount = !/(?:^|_)id$/.test(name) && !knownNames.has(name);
    const fits = /^[a-z][a-z0-9_]*$/.test(name) && !taken.has(name) && taken.size < unknownFields;
    const isNew = unknownFieldsByPath.size < 10 * mostUnknownFields;
    const result: Unknown = !isAmount ? 'passed' : fits && isNew ? { name } : 'lost';
    // Paths are remembered so that a row costs a look-up each; what somebody else makes up is not, without bound.
    if (isNew) unknownFieldsByPath.set(key, result);
    if (typeof result === 'object') taken.add(name);
    return result;
  }

  function columns(capacity: number): Columns {
    let rows = 0;
    let malformedRows = 0;
    let damagedRows = 0;
    /** True if something of the row that is being read was lost. */
    let damaged = false;
    const refusedLabels: RawLabel[][] = [];
    const losses = new Map<string, Loss>();
    let organization: RawBucket['organization'];
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

    /** Notes that something of this row is lost, which is counted and told. */
    function lose(kind: Loss['kind'], name: string, row: unknown, sent: unknown): void {
      damaged = true;
      const item = isObject(row) ? own(row, 'line_item') : undefined;
      const lineItem = typeof item === 'string' ? item.slice(0, longestLabel) : undefined;
      const key = `${kind} ${name} ${lineItem}`;
      if (losses.size >= mostLosses || losses.has(key)) return;
      losses.set(key, { kind, name, sent: excerpt(sent), lineItem });
    }

    /** Puts an amount of money or a quantity into its columns; one that cannot be read is lost alone. */
    function readAmount(row: PlainObject, field: Field, value: unknown): void {
      const { name, kind, unitLabel } = field;
      const unitSent = unitLabel === undefined ? undefined : at(row, unitLabel.path);
      const unit = unitSent === unreadable ? unreadable : labelOf(unitSent);
      const isMissing = value === undefined || value === null;
      const text = isMissing || value === unreadable ? undefined : decimalText(value);
      const number = kind === 'quantity' && text !== undefined ? Number(text) : undefined;
      const isTaken = text !== undefined && unit !== unreadable && (number === undefined || isWithinBounds(number));
      if (!isTaken && !isMissing)
        lose('value', name, row, value === unreadable ? own(row, field.path[0] ?? '') : value);
      const unitColumn = units.get(name);
      // Spend limits have it in upper case, rows in lower; labels are always lower.
      if (unitColumn)
        unitColumn[rows] = kind === 'money' && typeof unit === 'string' ? unit.toLowerCase() : toNull(unit);
      if (kind === 'money') {
        const column = decimals.get(name);
        if (column) column[rows] = isTaken ? text : null;
      } else if (isTaken && number !== undefined) put(name, number);
    }

    /** Returns false for a count or a level that can be neither. */
    function readField(row: PlainObject, field: Field): boolean {
      if (field.kind !== 'money' && field.kind !== 'quantity') return readCount(row, field);
      readAmount(row, field, at(row, field.path));
      return true;
    }

    /** Puts a count or a level into its column. Returns false for what neither can be. */
    function readCount(row: PlainObject, { name, path, fraction }: Field): boolean {
      const value = at(row, path);
      if (value === undefined || value === null) return true;
      const isCount =
        typeof value === 'number' && value >= 0 && isWithinBounds(value) && (fraction || Number.isInteger(value));
      if (isCount) put(name, value);
      else lose('row', name, row, value === unreadable ? row : value);
      return isCount;
    }

    function readUnknown(row: PlainObject, object: PlainObject, path: readonly string[]): void {
      // What was parsed inherits nothing that this finds; a list of the members would be made for every row.
      for (const key in object) {
        const value = object[key];
        if (typeof value === 'number') {
          if (path.length === 0 && knownPaths.has(key)) continue;
          const whole = path.concat(key);
          if (knownPaths.has(pathKey(whole))) continue;
          const unknown = unknownAt(whole);
          if (unknown === 'passed') continue;
          if (unknown === 'lost') lose('field', whole.join('.').slice(0, longestSent), row, value);
          else if (isWithinBounds(value)) put(unknown.name, value);
          else lose('value', unknown.name, row, value);
        } else if (isObject(value) && path.length + 1 < deepest) {
          readUnknown(row, value, path.concat(key));
        }
      }
    }

    /** Reads the labels of a row. Returns false if one of them cannot be read. */
    function readLabels(row: PlainObject): boolean {
      for (let index = 0; index < groupBy.length; index++) {
        const dimension = groupBy[index] ?? '';
        const sent = own(row, dimension);
        const label = labelOf(sent);
        if (label === unreadable) {
          lose('row', dimension, row, sent);
          return false;
        }
        if (typeof label === 'string' && isTooLong(label)) lose('label', dimension, row, label);
        const column = labels[index];
        if (column) column[rows] = label;
      }
      return true;
    }

    /** Returns whether the row counts. */
    function read(row: unknown): boolean {
      if (!isObject(row)) {
        lose('row', '', row, row);
        return false;
      }
      if (namesOrganization) organization ??= organizationOf(row);
      if (!readLabels(row)) return false;
      if (!endpoint.fields.every((field) => readField(row, field))) {
        refusedLabels.push(labels.map((column) => column[rows] ?? null));
        return false;
      }
      readUnknown(row, row, []);
      return true;
    }

    return {
      add(row) {
        damaged = false;
        if (read(row)) {
          rows += 1;
          if (damaged) damagedRows += 1;
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
        return {
          ...{ start, end, rows, labels, numbers, decimals, units },
          ...{ malformedRows, refused: refusedLabels, damagedRows, losses: [...losses.values()] },
          ...(organization === undefined ? {} : { organization }),
        };
      },
    };
  }

  return { columns };
}

/** The value at `path`; undefined where a part is missing or null, `unreadable` where something else is on the way. */
function at(row: object, path: readonly string[]): unknown {
  let value: unknown = row;
  for (let depth = 0; depth < path.length; depth++) {
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) return unreadable;
    value = own(value, path[depth] ?? '');
  }
  return value;
}

/** Returns the organization that the row belongs to; undefined where it does not say. */
function organizationOf(row: PlainObject): RawBucket['organization'] {
  const id = own(row, 'organization_id');
  const name = own(row, 'organization_name');
  if (typeof id !== 'string' || id === '') return undefined;
  return { id, name: typeof name === 'string' ? name : null };
}

function labelOf(value: unknown): RawLabel | typeof unreadable {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return typeof value === 'number' && Number.isFinite(value) ? value : unreadable;
}

function toNull(label: RawLabel | typeof unreadable): RawLabel {
  return label === unreadable ? null : label;
}

/** Counts fit in 2^53 (source: the API's documentation), and so does whatever else is a number and not money. */
function isWithinBounds(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** The beginning of a value as JSON. Of what is large only the kind is told. */
function excerpt(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, longestSent)) : String(value);
  return text.slice(0, longestSent + 2);
}

function pathKey(path: readonly string[]): string {
  return path.length === 1 && path[0] !== undefined ? path[0] : path.join('\u0000');
}
