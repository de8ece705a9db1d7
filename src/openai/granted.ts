/**
 * Finds out which of the dimensions that are asked for the API grants. The API refuses a whole request because of one
 * of them, and does not always say which; then they are left out one by one. Pure but for the questions, which the
 * caller asks.
 */
import { type Endpoint, leftOutFirst, type Width, widthSeconds } from './catalogue.ts';
import type { Client, GetRequest } from './client.ts';
import { decodePage } from './decode.ts';
import { ApiError, isBeyondLookback, isInvalidPageToken } from './errors.ts';
import { bucketQuery, type Filters } from './query.ts';

/** Tries of each question. */
const attempts = 3;

export interface Granted {
  /** The order is that in which they were asked for. */
  readonly dimensions: readonly string[];
  /** The others, each with what the API said when it refused them. */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Asks for something small, grouped by these dimensions. Resolves once that is answered.
 * @throws {ApiError} as the client
 */
export type AskBy = (dimensions: readonly string[]) => Promise<void>;

/** - `yes`: the error is about the dimensions. - `maybe`: it does not say what it is about. */
export type AboutGrouping = 'yes' | 'maybe' | 'no';

/** Reports whether an error refuses the dimensions that were asked for. */
export function aboutGrouping(error: unknown, asked: readonly string[]): AboutGrouping {
  if (!(error instanceof ApiError) || error.status !== 400 || asked.length === 0) return 'no';
  if (isBeyondLookback(error) || isInvalidPageToken(error)) return 'no';
  const { param, detail } = error;
  if (param !== undefined && /^group_?by\b/i.test(param)) return 'yes';
  // Some name the time as what is wrong, though without the dimension it would be right.
  if (/\bgroup(?:ed|ing)?[ _]?by\b|\bgrouping\b/i.test(detail)) return 'yes';
  if (param !== undefined) return asked.includes(param) ? 'yes' : 'no';
  return quotedIn(refusingPart(detail), asked).length > 0 ? 'yes' : 'maybe';
}

/**
 * Finds out which dimensions are granted, after they were refused together. Undefined if the error was about something
 * else: the same is refused without any dimension, or is not refused again. At most two questions for each dimension
 * and two more.
 * @throws {ApiError} if a question is not answered for another reason
 */
export async function findGranted(
  asked: readonly string[],
  refusal: ApiError,
  ask: AskBy,
): Promise<Granted | undefined> {
  const about = aboutGrouping(refusal, asked);
  if (about === 'no') return undefined;
  const refusalOf = async (dimensions: readonly string[]): Promise<ApiError | undefined> => {
    try {
      await ask(dimensions);
      return undefined;
    } catch (error) {
      const again = aboutGrouping(error, dimensions);
      const isRefusal = again === 'yes' || (again === 'maybe' && about === 'maybe');
      if (isRefusal && error instanceof ApiError) return error;
      throw error;
    }
  };
  // Where the words do not say it, the dimensions are at fault only if the same is answered without any of them.
  if (about === 'maybe' && (await isAnswered(ask, asked))) return undefined;
  if (about === 'maybe' && !(await isAnswered(ask, []))) return undefined;

  let left = asked;
  const refused = new Map<string, string>();
  for (let error: ApiError | undefined = refusal; error !== undefined; ) {
    const culprit: string | undefined = namedIn(error, left) ?? newestOf(left);
    if (culprit === undefined) return undefined;
    refused.set(culprit, error.detail);
    left = left.filter((name) => name !== culprit);
    if (left.length === 0 && !(await isAnswered(ask, left))) return undefined;
    error = left.length === 0 ? undefined : await refusalOf(left);
  }
  // The last one made the difference; those before it may have been left out for its sake.
  for (const name of [...refused.keys()].slice(0, -1)) {
    const more = asked.filter((each) => left.includes(each) || each === name);
    const error = await refusalOf(more);
    if (error === undefined) {
      refused.delete(name);
      left = more;
    } else refused.set(name, error.detail);
  }
  return { dimensions: left, refused };
}

/** Returns which of these dimensions are granted; undefined if that could not be told. */
export async function grantedOf(wanted: readonly string[], ask: AskBy): Promise<Granted | undefined> {
  try {
    await ask(wanted);
    return { dimensions: wanted, refused: new Map() };
  } catch (error) {
    if (!(error instanceof ApiError) || aboutGrouping(error, wanted) === 'no') throw error;
    return await findGranted(wanted, error, ask);
  }
}

async function isAnswered(ask: AskBy, dimensions: readonly string[]): Promise<boolean> {
  try {
    await ask(dimensions);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return false;
    throw error;
  }
}

/** The dimension that the error names as the one that is wrong. */
function namedIn({ detail, param }: ApiError, asked: readonly string[]): string | undefined {
  const refusing = refusingPart(detail);
  const quoted = newestOf(quotedIn(refusing, asked));
  if (quoted !== undefined) return quoted;
  const [, index] = /^group_?by(?:\[\])?[[.](\d+)\]?$/i.exec(param ?? '') ?? [];
  const atIndex = index === undefined ? undefined : asked[Number(index)];
  if (atIndex !== undefined) return atIndex;
  if (param !== undefined && asked.includes(param)) return param;
  const mentioned = newestOf(asked.filter((name) => new RegExp(`\\b${name}\\b`).test(refusing)));
  if (mentioned !== undefined) return mentioned;
  // It may say only what is right.
  const supported = quotedIn(detail.slice(refusing.length), asked);
  return supported.length === 0 ? undefined : newestOf(asked.filter((name) => !supported.includes(name)));
}

/** The message up to where it lists what would be right. */
function refusingPart(detail: string): string {
  const at = detail.search(
    /\b(?:supported|allowed|valid|accepted|possible) (?:values?|dimensions?)\b|\bexpected\b|\bone of\b/i,
  );
  return at < 0 ? detail : detail.slice(0, at);
}

function quotedIn(text: string, asked: readonly string[]): readonly string[] {
  return asked.filter((name) => new RegExp(`['"\`‘’“”]${name}['"\`‘’“”]`).test(text));
}

function newestOf(dimensions: readonly string[]): string | undefined {
  const unlisted = dimensions.find((name) => !leftOutFirst.includes(name));
  return unlisted ?? leftOutFirst.find((name) => dimensions.includes(name));
}

/** A span of buckets to ask about. */
export interface AskedSpan {
  readonly endpoint: Endpoint;
  readonly width: Width;
  /** Seconds, aligned to the width. */
  readonly from: number;
  readonly to: number;
  readonly filters: Filters;
  /** UTC milliseconds. */
  readonly now: number;
}

/** Asks for one bucket of a span, grouped by whatever is to be tried. */
export function askerOf(
  client: Client,
  { endpoint, width, from, to, filters, now }: AskedSpan,
  how: Pick<GetRequest, 'deadline' | 'signal' | 'priority'>,
): AskBy {
  const { api, path } = endpoint;
  const seconds = widthSeconds[width];
  // Not all answer for an end that is still to come.
  const ended = Math.floor(now / 1_000 / seconds) * seconds;
  const end = from < ended ? Math.min(to, ended) : to;
  return async (groupBy) => {
    const query = bucketQuery({ endpoint, width, from, to: end, groupBy, filters, limit: 1 });
    await client.get({ api, path, query, attempts, ...how }, async (body) => {
      await decodePage(body, endpoint, groupBy);
    });
  };
}

/** The same refusal, with the advice which value of the flag works. @param named all dimensions that the user named */
export function withAdvice(refusal: ApiError, { refused }: Granted, named: readonly string[]): ApiError {
  const { reason, api, path, status, code, param, requestId, detail } = refusal;
  const works = named.filter((name) => !refused.has(name)).join(',') || 'none';
  const whatToDo = `OpenAI does not grant grouping ${api} by ${[...refused.keys()].join(', ')}: use --poll.group-by=${works}, or --poll.group-by=all, which leaves out what is not granted.`;
  return new ApiError({ reason, api, path, status, code, param, requestId, detail, whatToDo });
}
