/** Reads the values in the text of a body, within bounds that a parser does not have. */

/** A value, or why there is none: in words that hold nothing of the text, for it can be somebody's prompt. */
export type Parsed = { readonly value: unknown } | { readonly reason: string };

export const mostRecords = 10_000;

/** Objects and arrays in one another. */
const deepest = 64;
/** Values in a text: as many numbers as the largest body can hold of embeddings, and as 10,000 honest records have. */
const mostValues = 2_000_000;

/** The records of a body: of an array its elements, of several lines each line, or the one that it is. */
export function recordsIn(text: string): readonly Parsed[] | 'too many' {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const lines = linesOf(body);
  const isTooMany = lines.length > mostRecords;
  const [first = ''] = lines;
  if (lines.length > 1 && 'value' in parseJson(first)) return isTooMany ? 'too many' : lines.map(parseJson);
  const whole = parseJson(body);
  if ('value' in whole) {
    if (!Array.isArray(whole.value)) return [whole];
    return whole.value.length > mostRecords ? 'too many' : whole.value.map((value: unknown) => ({ value }));
  }
  if (isTooMany) return 'too many';
  // The first of several lines can be the broken one.
  const each = lines.length > 1 ? lines.map(parseJson) : [];
  return each.some((one) => 'value' in one && typeof one.value === 'object') ? each : [whole];
}

/** Lines with something in them; none for a text that begins as a single value that goes on in the next line. */
function linesOf(text: string): readonly string[] {
  if (/^\s*(?:\[|\{[^\S\n]*\n)/.test(text)) return [];
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Parses a text within the bounds. */
export function parseJson(text: string): Parsed {
  const reason = beyondBounds(text);
  if (reason !== undefined) return { reason };
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    // The parser's own message repeats the text.
    return { reason: text.trim() === '' ? 'it is empty' : 'it is not JSON' };
  }
}

const [quote, backslash, comma, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\,{}[]');

/** Says which bound a text is beyond; undefined for one within all of them. Whether it is JSON is not its business. */
function beyondBounds(text: string): string | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case openBrace:
      case openBracket:
        depth++;
        values++;
        if (depth > deepest) return `objects or arrays are nested more than ${deepest} deep`;
        break;
      case closeBrace:
      case closeBracket:
        depth--;
        break;
      case comma:
        values++;
        break;
      default:
    }
    if (values > mostValues) return `it has more than ${mostValues} values`;
  }
  return undefined;
}

/** Returns the place of the quote that ends the string; that of the last character where none does. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
