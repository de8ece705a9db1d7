/** A point of time as people write it on a command line, always in UTC. */
import * as z from 'zod';
import { type FromText, refuse } from './values.ts';

const form = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::\d\d)?Z?)?$/;

/** `2026-05-01`, `2026-05-01T13:00` or `2026-05-01T13:00:00Z` as seconds since the epoch. */
export const instant: FromText<number> = z.string().transform((text, context) => {
  const match = form.exec(text);
  const written =
    match === null ? '' : text.length === 10 ? `${text}T00:00:00Z` : text.endsWith('Z') ? text : `${text}Z`;
  const at = Date.parse(written);
  // The parser takes a 31st of June for the first of July.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== match?.[1]) {
    return refuse(context, 'must be a day or an instant of UTC like 2026-05-01 or 2026-05-01T13:00');
  }
  return at / 1_000;
});
