/**
 * The one error that asking the API can end with: its reason is the value of the `reason` label, its message says what
 * was asked and what came back, and apart from it stands what to do. Nothing that it says or holds can contain the key.
 */

import { codeOf } from '../error-code.ts';
import { adviceOn } from './advice.ts';
import type { ApiLabel } from './catalogue.ts';
import { isObject, own } from './json.ts';
import { createScan, errorShape } from './scan.ts';

export const reasons = [
  'auth',
  'permission',
  'rate_limited',
  'timeout',
  'server',
  'rejected',
  'network',
  'malformed',
  'too_large',
] as const;

export type Reason = (typeof reasons)[number];

/** The reason of an answer with a status that is not a success. */
export function reasonOfStatus(status: number): Reason {
  if (status === 401) return 'auth';
  if (status === 403) return 'permission';
  if (status === 408) return 'timeout';
  if (status === 429) return 'rate_limited';
  if (status === 409 || status >= 500) return 'server';
  return 'rejected';
}

export interface ApiErrorDetails {
  readonly reason: Reason;
  readonly api: ApiLabel;
  /** The path below the base URL, without the query. */
  readonly path: string;
  /** The error in a few words: the API's own, where it has some. */
  readonly detail: string;
  /** A closer description, where that asks for other advice than the reason. */
  readonly kind?: 'key_file' | 'refused_rows' | 'request_limit' | undefined;
  readonly status?: number | undefined;
  /** The API's `error.code`, such as `reporting_lookback_exceeded`. */
  readonly code?: string | undefined;
  /** The API's `error.param`: what of the query it refuses, such as `group_by[2]`. */
  readonly param?: string | undefined;
  readonly requestId?: string | undefined;
  /** The time for which nothing may be sent, from when this error arose. */
  readonly retryAfterMs?: number | undefined;
  /** The facts that the advice depends on besides. See `Facts`. */
  readonly baseUrl?: string | undefined;
  readonly contentType?: string | undefined;
  readonly location?: string | undefined;
  readonly until?: number | undefined;
  /** The advice to a person, where only who asked can know that. */
  readonly whatToDo?: string | undefined;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly reason: Reason;
  readonly api: ApiLabel;
  readonly method = 'GET';
  readonly path: string;
  readonly detail: string;
  /** The advice to a person, in a sentence that does not repeat the message. */
  readonly whatToDo: string;
  /** The key lacks a scope, and nothing else is wrong. */
  readonly lacksScope: boolean;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  /** The texts in `details` must have been through `presentable`, the cause through `causeWithout`. */
  constructor(details: ApiErrorDetails) {
    const { cause } = details;
    super(messageOf(details), cause === undefined ? undefined : { cause });
    this.reason = details.reason;
    this.api = details.api;
    this.path = details.path;
    this.detail = details.detail;
    const { whatToDo, lacksScope } = adviceOn(details);
    this.whatToDo = details.whatToDo ?? whatToDo;
    this.lacksScope = lacksScope;
    this.status = details.status;
    this.code = details.code;
    this.param = details.param;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
  }
}

function messageOf(details: ApiErrorDetails): string {
  const facts = [`GET ${details.path}`];
  if (details.status !== undefined) facts.push(`status ${details.status}`);
  if (details.requestId !== undefined) facts.push(`request ${details.requestId}`);
  return `${facts.join(', ')}: ${sentence(details.detail)}`;
}

/** Adds a full stop where there is none. */
export function sentence(text: string): string {
  return /[.!?…]$/u.test(text) ? text : `${text}.`;
}

/** Returns what a person can do about an error that ended a poll. Any that is not the API's is a fault of this program. */
export function whatToDoAbout(error: Error): string {
  return error instanceof ApiError ? error.whatToDo : 'This is a defect of the exporter: please report it.';
}

/** The message and what to do: all that a line of the log has to say of it. */
export function inFull(error: Error): string {
  return `${sentence(error.message)} ${whatToDoAbout(error)}`;
}

/** A cursor was refused. Costs hand out such cursors now and then. */
export function isInvalidPageToken(error: unknown): boolean {
  return error instanceof ApiError && error.status === 400 && /page token is invalid/i.test(error.detail);
}

/** The end of the range was refused: a gateway can want none that is still to come. */
export function isRefusedEnd(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.status === 400 &&
    (error.param === 'end_time' || /\bend_time\b/i.test(error.detail))
  );
}

/** The range begins earlier than OpenAI lets be read. */
export function isBeyondLookback(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'reporting_lookback_exceeded';
}

/**
 * Text of others, fit for a log line: one line, at most `longest` characters, without `secrets` and without
 * anything that looks like a key.
 */
export function presentable(text: string, secrets: readonly string[], longest = 300): string {
  // Redacted before it is cut, so that no half of a key is left at the end.
  const redacted = secrets
    .reduce((rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, '[key]')), text)
    .replace(/\bsk-[\w*.-]*[\w*-]/g, 'sk-…')
    .replace(/\bBearer\s+\S+/gi, 'Bearer …')
    .replace(/:\/\/[^\s/@]*@/g, '://…@');
  const line = redacted.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  if (line.length <= longest) return line;
  // A cut between the halves of a surrogate pair takes the first half along.
  return `${line.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/**
 * A cause that can be logged whole: names, codes and messages of the chain, and nothing else that the errors of a
 * transport carry along, such as headers.
 */
export function causeWithout(secrets: readonly string[], error: unknown, depth = 0): Error {
  const inner = error instanceof Error && error.cause !== undefined && depth < 3 ? error.cause : undefined;
  const cause = inner === undefined ? undefined : { cause: causeWithout(secrets, inner, depth + 1) };
  const clean = new Error(presentable(describe(error), secrets), cause);
  if (error instanceof Error) {
    clean.name = presentable(error.name, secrets, 60);
    // Its first lines would repeat the message, so the stack is that of the original, without them.
    const frames = error.stack?.split('\n').filter((line) => /^ {4}at /.test(line)) ?? [];
    clean.stack = [
      `${clean.name}: ${clean.message}`,
      ...frames.map((frame) => `    ${presentable(frame, secrets)}`),
    ].join('\n');
  }
  return clean;
}

/** Name, code and message of anything thrown; an error of several addresses has them in a list. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  const several = error instanceof AggregateError ? error.errors.slice(0, 3).map(describe).join('; ') : '';
  const message = error.message || several || error.name;
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

/** `{ "error": { "message", "code", "param" } }`, as far as the body is that; a gateway may answer anything. */
export function apiErrorIn(body: string): { message?: string; code?: string; param?: string } {
  let parsed: unknown;
  try {
    createScan(errorShape).take(Buffer.from(body));
    parsed = JSON.parse(body);
  } catch {
    return {};
  }
  const error = member(parsed, 'error');
  if (typeof error === 'string') return { message: error };
  const message = member(error, 'message');
  const code = member(error, 'code');
  const param = member(error, 'param');
  return {
    ...(typeof message === 'string' && message !== '' ? { message } : {}),
    ...(typeof code === 'string' && code !== '' ? { code } : {}),
    ...(typeof param === 'string' && param !== '' ? { param } : {}),
  };
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? own(value, name) : undefined;
}
