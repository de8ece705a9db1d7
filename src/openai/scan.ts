/**
 * Bounds on what is in a body, kept while it is read: one pass over its bytes, before anything is parsed. A parser has
 * none of these bounds, and some bodies of a few megabytes would hold it up for seconds.
 */
import { BodyRefused } from './body.ts';

export interface BodyShape {
  /** The brackets that are open around a row or an item: the outermost first. */
  readonly rowsIn: string;
  /** The name of a row in messages. */
  readonly row: string;
  readonly mostRows: number;
  /** Values in the whole body. */
  readonly mostValues: number;
  /** Bytes. */
  readonly longest: number;
}

/** A page of buckets: as many rows as 64 MiB of honest ones. */
export const pageShape: BodyShape = {
  rowsIn: '{[{[',
  row: 'row',
  mostRows: 300_000,
  mostValues: 10_000_000,
  longest: 64 * 1_024 * 1_024,
};

/** A page of a list, which is parsed at a stretch. A hundred items are asked for, but not everybody looks at that. */
export const listShape: BodyShape = {
  rowsIn: '{[',
  row: 'item',
  mostRows: 10_000,
  mostValues: 200_000,
  longest: 8 * 1_024 * 1_024,
};

/** The body of a refusal: an object in an object. */
export const errorShape: BodyShape = { rowsIn: '', row: 'row', mostRows: 0, mostValues: 1_000, longest: 65_536 };

/** Objects and arrays in one another. A row needs six. */
const deepest = 16;
/** Values in a row: of what the catalogue knows there are fewer than 40, and 64 unknown ones are taken. */
const mostValuesInRow = 500;
/** A number of bytes. */
const longestRow = 131_072;
const longestString = 16_384;
/** The frame around the rows: some buckets, each with a few values. */
const mostValuesAround = 50_000;
const longestAround = 4 * 1_024 * 1_024;

const [quote, backslash, comma, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\,{}[]');

export interface Scan {
  /** @throws {BodyRefused} as soon as a bound is passed; the bytes must not be looked at any further then */
  take(chunk: Uint8Array): void;
}

/** A scan that has seen nothing. Whether the bytes are JSON is not its business. */
export function createScan({ rowsIn, row, mostRows, mostValues, longest }: BodyShape): Scan {
  const rowDepth = rowsIn.length;
  /** The open brackets, the outermost `rowDepth` of them. */
  let around = '';
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** Bytes of the chunks before. */
  let before = 0;
  let stringStart = 0;
  let inRows = false;
  let rowStart = 0;
  let rows = 0;
  let valuesInRow = 0;
  let valuesAround = 0;
  let values = 0;
  let bytesInRows = 0;

  function refuse(reason: 'malformed' | 'too_large', detail: string): never {
    throw new BodyRefused(reason, `the body is refused: ${detail}`);
  }

  function countValue(): void {
    values++;
    if (values > mostValues) refuse('too_large', `it has more than ${mostValues} values`);
    if (inRows) valuesInRow++;
    else valuesAround++;
    if (valuesInRow > mostValuesInRow) {
      refuse('malformed', `${row} ${rows} has more than ${mostValuesInRow} values`);
    }
    if (valuesAround > mostValuesAround) {
      refuse('malformed', `it has more than ${mostValuesAround} values that are not in a ${row}`);
    }
  }

  function beginRow(at: number): void {
    rows++;
    if (rows > mostRows) refuse('too_large', `it has more than ${mostRows} ${row}s`);
    valuesInRow = 0;
    rowStart = at;
  }

  function endRow(at: number): void {
    checkRow(at);
    bytesInRows += at - rowStart;
  }

  function checkRow(at: number): void {
    if (at - rowStart > longestRow) refuse('malformed', `${row} ${rows} is longer than ${longestRow} bytes`);
  }

  function checkString(at: number): void {
    if (at - stringStart > longestString) refuse('malformed', `a text is longer than ${longestString} bytes`);
  }

  function open(bracket: '{' | '[', at: number): void {
    countValue();
    depth++;
    if (depth > deepest) refuse('malformed', `objects or arrays are nested more than ${deepest} deep`);
    if (depth > rowDepth) return;
    around += bracket;
    if (around !== rowsIn) return;
    inRows = true;
    beginRow(at + 1);
  }

  function close(at: number): void {
    if (inRows && depth === rowDepth) {
      endRow(at);
      inRows = false;
      valuesInRow = 0;
    }
    if (depth <= rowDepth) around = around.slice(0, -1);
    if (depth > 0) depth--;
  }

  function next(at: number): void {
    if (inRows && depth === rowDepth) {
      endRow(at);
      beginRow(at + 1);
    }
    countValue();
  }

  return {
    take(chunk) {
      const { length } = chunk;
      for (let index = 0; index < length; index++) {
        const byte = chunk[index];
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === backslash) escaped = true;
          else if (byte === quote) {
            inString = false;
            checkString(before + index);
          }
          continue;
        }
        switch (byte) {
          case quote:
            inString = true;
            stringStart = before + index;
            break;
          case openBrace:
            open('{', before + index);
            break;
          case openBracket:
            open('[', before + index);
            break;
          case closeBrace:
          case closeBracket:
            close(before + index);
            break;
          case comma:
            next(before + index);
            break;
          default:
        }
      }
      before += length;
      if (before > longest) refuse('too_large', `it is longer than ${longest / 1_024 / 1_024} MiB`);
      if (inString) checkString(before);
      if (inRows) checkRow(before);
      const outside = before - bytesInRows - (inRows ? before - rowStart : 0);
      if (outside > longestAround) {
        refuse('too_large', `it has more than ${longestAround / 1_024 / 1_024} MiB that are not in a ${row}`);
      }
    },
  };
}
