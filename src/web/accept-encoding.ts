/** Reports whether a client takes gzip: the Accept-Encoding header of RFC 9110, 12.5.3, read leniently. */

/** True if `gzip` (or `*`) has a weight above 0. Anything malformed counts as not said. */
export function acceptsGzip(header: string | undefined): boolean {
  let any: number | undefined;
  let gzip: number | undefined;
  for (const part of (header ?? '').slice(0, 1_000).split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (coding === '*') any = weightOf(parameters);
    // RFC 9110, 8.4.1.3: x-gzip is another word for gzip. The plain one wins where both are given.
    else if (coding === 'gzip' || (coding === 'x-gzip' && gzip === undefined)) gzip = weightOf(parameters);
  }
  return (gzip ?? any ?? 0) > 0;
}

function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  if (weight === undefined) return 1;
  const text = weight.slice(weight.indexOf('=') + 1).trim();
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}
