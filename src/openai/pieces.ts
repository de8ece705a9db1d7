/**
 * A page cut into pieces that can be parsed one after another. Parsed in one go, all rows of a page of a large
 * organization would be in memory at once.
 */

/** Rows with commas between them: how many, and from where to where in the body. */
export interface Piece {
  readonly rows: number;
  readonly start: number;
  readonly end: number;
}

export interface CutPage {
  /**
   * The JSON around the rows. Each array in an object in an array in an object – that is where `results` are – is
   * replaced by one that holds a number alone: its index in `lists`. So every array found there is such a number.
   */
  readonly frame: string;
  /** The pieces of each list of rows; none where it is empty. */
  readonly lists: readonly (readonly Piece[])[];
}

/** A piece ends when it has so many rows or bytes. */
const mostRows = 250;
const mostBytes = 65_536;

const [quote, backslash, comma, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\,{}[]');
/** The brackets that are open around the elements of an array of rows. */
const aroundRows = '{[{[';

/**
 * Returns the pieces of a page. Nothing is checked here: if the frame and every
 * `rowsOf` a piece can be parsed, the body is the JSON that they make together, and if not it is no JSON.
 */
export function cutPage(body: Buffer): CutPage {
  const frame: string[] = [];
  const lists: (readonly Piece[])[] = [];
  let framed = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  /** The open brackets, the outermost `aroundRows.length` of them. */
  let around = '';
  let depth = 0;
  let inString = false;
  let pieces: Piece[] = [];
  /** The number of commas in the piece that is being looked at; a comma follows each row but the last. */
  let commas = 0;
  let start = 0;
  for (let at = framed; at < body.length; at++) {
    const byte = body[at];
    if (inString) {
      if (byte === quote) inString = false;
      else if (byte === backslash) at++;
      continue;
    }
    switch (byte) {
      case quote:
        inString = true;
        break;
      case openBrace:
      case openBracket:
        depth++;
        if (depth <= aroundRows.length) {
          around += byte === openBrace ? '{' : '[';
          if (around === aroundRows) {
            frame.push(body.toString('utf8', framed, at + 1));
            pieces = [];
            commas = 0;
            start = at + 1;
          }
        }
        break;
      case comma:
        if (depth === aroundRows.length && around === aroundRows) {
          commas++;
          if (commas >= mostRows || at - start >= mostBytes) {
            pieces.push({ rows: commas, start, end: at });
            commas = 0;
            start = at + 1;
          }
        }
        break;
      case closeBrace:
      case closeBracket:
        if (depth === aroundRows.length && around === aroundRows) {
          const empty = pieces.length === 0 && commas === 0 && isBlank(body, start, at);
          if (!empty) pieces.push({ rows: commas + 1, start, end: at });
          frame.push(String(lists.length));
          lists.push(pieces);
          framed = at;
        }
        if (depth <= aroundRows.length) around = around.slice(0, -1);
        depth--;
        break;
      default:
    }
  }
  frame.push(body.toString('utf8', framed));
  return { frame: frame.join(''), lists };
}

/** The rows of a piece. @throws {SyntaxError} if it is not what can be between the commas of a list */
export function rowsOf(body: Buffer, { start, end }: Piece): readonly unknown[] {
  const rows: unknown = JSON.parse(`[${body.toString('utf8', start, end)}]`);
  if (!Array.isArray(rows) || rows.length === 0) throw new SyntaxError('a comma without a row');
  return rows;
}

function isBlank(body: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = body[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false;
  }
  return true;
}
