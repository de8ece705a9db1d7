/**
 * Makes values of the texts of flags and variables: zod schemas whose messages complete the sentence "--flag: …" for a
 * person. They say what is expected and never repeat a value that could hold a secret.
 */
import * as z from 'zod';

/** Makes a value of the text that was given, or messages. */
export type FromText<T> = z.ZodType<T, string>;

const millisecondsIn: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const units = Object.keys(millisecondsIn);

/** Milliseconds of a duration like `90s` or `1h30m`; undefined when it is none. Units fall, each at most once. */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (match === null || text === '') return undefined;
  let sum = 0;
  for (const [index, unit] of ['d', 'h', 'm', 's', 'ms'].entries()) {
    sum += Number(match[index + 1] ?? 0) * (millisecondsIn[unit] ?? 0);
  }
  return sum;
}

/** `5400000` → `1h30m`. */
export function formatDuration(ms: number): string {
  let left = ms;
  let text = '';
  for (const unit of [...units].reverse()) {
    const size = millisecondsIn[unit] ?? 1;
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}

/** A duration in milliseconds, both bounds included. */
export function duration(bounds: { readonly least: string; readonly most: string }): FromText<number> {
  const least = parseDuration(bounds.least) ?? 1;
  const most = parseDuration(bounds.most) ?? Number.POSITIVE_INFINITY;
  return z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms === undefined) return refuse(context, 'must be a duration like 90s, 15m or 1h30m (units: ms, s, m, h, d)');
    if (ms < least) return refuse(context, `must be at least ${bounds.least}`);
    if (ms > most) return refuse(context, `must be at most ${bounds.most}`);
    return ms;
  });
}

/** Reads what `duration` reads, or `0`, which turns off what it is the interval of. */
export function durationOrOff(bounds: { readonly least: string; readonly most: string }): FromText<number> {
  const on = duration(bounds);
  return z.string().transform((text, context) => {
    if (text === '0' || parseDuration(text) === 0) return 0;
    const result = on.safeParse(text);
    if (result.success) return result.data;
    return refuse(context, `${result.error.issues[0]?.message}, or 0 for never`);
  });
}

const instantForm = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::\d\d)?Z?)?$/;

/**
 * A point of time as people write it on a command line, always in UTC: `2026-05-01`, `2026-05-01T13:00` or
 * `2026-05-01T13:00:00Z`, as seconds since the epoch.
 */
export const instant: FromText<number> = z.string().transform((text, context) => {
  const match = instantForm.exec(text);
  const written =
    match === null ? '' : text.length === 10 ? `${text}T00:00:00Z` : text.endsWith('Z') ? text : `${text}Z`;
  const at = Date.parse(written);
  // The parser takes a 31st of June for the first of July.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== match?.[1]) {
    return refuse(context, 'must be a day or an instant of UTC like 2026-05-01 or 2026-05-01T13:00');
  }
  return at / 1_000;
});

/** A whole number, both bounds included. */
export function whole(least: number, most: number): FromText<number> {
  return number(/^\d+$/, 'a whole number', least, most);
}

/** A decimal number, both bounds included. */
export function decimal(least: number, most: number): FromText<number> {
  return number(/^\d+(?:\.\d+)?$/, 'a number', least, most);
}

function number(form: RegExp, what: string, least: number, most: number): FromText<number> {
  const message = `must be ${what} from ${least} to ${most}`;
  return z.string().regex(form, message).transform(Number).pipe(z.number().min(least, message).max(most, message));
}

/** One of a few words. */
export function choice<const W extends readonly [string, ...string[]]>(words: W): FromText<W[number]> {
  return z.string().pipe(z.enum(words, { error: `must be ${eitherOf(words)}` }));
}

export const onOff: FromText<boolean> = choice(['true', 'false']).transform((word) => word === 'true');

/** A name of a file; whether it can be used is found out by whoever opens it. */
export const path: FromText<string> = z.string().refine((text) => !text.includes('\0'), 'must be the path of a file');

/** A value of an HTTP header: visible ASCII. */
export const headerValue: FromText<string> = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'must consist of visible ASCII characters without spaces');

/** A comma-separated list: spaces around items, empty items and duplicates fall away. */
export const list: FromText<readonly string[]> = z.string().transform((text, context) => {
  const items = itemsOf(text);
  if (items.length === 0) return refuse(context, 'names nothing: give one or more values, separated by commas');
  return items;
});

/** A list of known names; `all` stands for every one, and `none`, where it is allowed, for no one. */
export function namesOf<Name extends string>(
  known: readonly Name[],
  what: string,
  options: { readonly none: boolean },
): FromText<readonly Name[]> {
  return list.transform((items, context) => {
    for (const word of options.none ? ['all', 'none'] : ['all']) {
      if (!items.includes(word)) continue;
      if (items.length > 1) return refuse(context, `\`${word}\` stands alone: leave the other names out, or it`);
      return word === 'all' ? known : [];
    }
    const unknown = items.filter((item) => !known.some((name) => name === item));
    if (unknown.length > 0) {
      return refuse(context, `unknown ${what} ${unknown.map(shown).join(', ')}; known are ${known.join(', ')}`);
    }
    // In the order of the catalogue, so that the order given changes nothing.
    return known.filter((name) => items.includes(name));
  });
}

function itemsOf(text: string): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ''))];
}

/** Something from a command line, fit to be repeated in a message: short, printable, and no key. */
export function shown(text: string): string {
  if (/sk-/i.test(text)) return 'a value that looks like a key';
  const printable = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  return printable.replaceAll(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}

/** `a, b or c` */
export function eitherOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Ends a transformation with a message. */
export function refuse(context: z.RefinementCtx<unknown>, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
