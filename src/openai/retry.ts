/** Decides when to try again: which answers are worth it, how long to wait, and what `Retry-After` says. */

/** Longest wait that a `Retry-After` can ask for: what is longer is a mistake of the other side. */
const longestRetryAfterMs = 86_400_000;

const firstBackoffMs = 500;
const longestBackoffMs = 30_000;

/** 408, 409, 429 and 5xx are worth another try; every other refusal would be repeated. */
export function isRetryable(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/**
 * Milliseconds to wait before another try, with full jitter: anything up to a bound that doubles.
 * @param attempt tries that have failed before this wait, less one
 * @param random in [0, 1)
 */
export function backoff(attempt: number, random: () => number): number {
  return random() * Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(attempt, 30));
}

const dateForms = [
  /^(?:mon|tue|wed|thu|fri|sat|sun), \d{2} [a-z]{3} \d{4} \d{2}:\d{2}:\d{2} gmt$/i,
  /^(?:mon|tues|wednes|thurs|fri|satur|sun)day, \d{2}-[a-z]{3}-\d{2} \d{2}:\d{2}:\d{2} gmt$/i,
];
const asctimeForm = /^(?:mon|tue|wed|thu|fri|sat|sun) [a-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/i;

/**
 * The milliseconds that a `Retry-After` asks to wait: seconds (some send decimals) or one of HTTP's three forms of
 * a date (RFC 9110, 5.6.7). Undefined where it says neither; a date that has passed is 0.
 */
export function parseRetryAfter(header: string | undefined, nowUtcMs: number): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Math.min(longestRetryAfterMs, Math.ceil(Number(text) * 1_000));
  let at = Number.NaN;
  if (dateForms.some((form) => form.test(text))) at = Date.parse(text);
  // asctime names no zone, though it means UTC.
  else if (asctimeForm.test(text)) at = Date.parse(`${text} GMT`);
  if (Number.isNaN(at)) return undefined;
  return Math.min(longestRetryAfterMs, Math.max(0, at - nowUtcMs));
}
