/**
 * One attempt at a GET: to the body of a success, or to what its failure means and whether another may do better. It
 * bounds time and bytes.
 */
import type { Dispatcher } from 'undici';
import { alarm, type Clock } from '../clock.ts';
import { codeOf } from '../error-code.ts';
import { BodyRefused, headerOf, longestBody, longestErrorBody, readBody, readStart } from './body.ts';
import type { ApiLabel } from './catalogue.ts';
import { type ApiError, type ApiErrorDetails, apiErrorIn, describe, reasonOfStatus } from './errors.ts';
import type { KeylessErrors, Target } from './keyless-errors.ts';
import type { Budget } from './request-budget.ts';
import { isRetryable, parseRetryAfter } from './retry.ts';
import { type BodyShape, createScan } from './scan.ts';

export interface AttemptOptions {
  readonly baseUrl: URL;
  readonly dispatcher: Dispatcher;
  /** The budget, which is told for how long a `Retry-After` holds requests. */
  readonly budget: Pick<Budget, 'holdUntil'>;
  readonly clock: Clock;
  readonly organization?: string | undefined;
  /** The time that one attempt may take, its body included. */
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly observer: {
    /** One attempt has ended: with this status, or `none`; it took so many seconds. */
    attempt(api: ApiLabel, code: string, seconds: number): void;
  };
}

/** A request that is sent, once or several times. */
export interface Sending {
  readonly request: Target & {
    readonly query: readonly (readonly [string, string])[];
    readonly shape?: BodyShape;
    readonly signal?: AbortSignal | undefined;
  };
  /** The requests that a `Retry-After` on its answer holds. */
  readonly kind: string;
  /** Monotonic milliseconds: no attempt goes on, and no wait begins, past it. */
  deadline(): number;
  /** Monotonic milliseconds at which the first attempt was sent. */
  sentAt: number | undefined;
}

export interface Received {
  readonly status: number;
  readonly body: Buffer;
  readonly endedAt: number;
}

/** The error of an attempt, and whether another may do better. */
interface Failure {
  readonly error: ApiError;
  readonly again: boolean;
  /** Monotonic milliseconds: the API wants nothing of the kind before it. */
  readonly notBefore?: number | undefined;
}

export class AttemptFailed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.error.message);
    this.failure = failure;
  }
}

/** Makes an attempt. @throws AttemptFailed, or the signal's reason */
export type Attempt = (sending: Sending, secret: string) => Promise<Received>;

export function createAttempt(options: AttemptOptions, errors: KeylessErrors): Attempt {
  const { baseUrl, dispatcher, budget, clock, organization, timeoutMs, userAgent, observer } = options;
  const prefix = baseUrl.pathname.replace(/\/+$/, '');

  async function attempt(sending: Sending, secret: string): Promise<Received> {
    const { request } = sending;
    const { api, signal } = request;
    const begun = clock.monotonic();
    sending.sentAt ??= begun;
    const allowed = Math.min(timeoutMs, sending.deadline() - begun);
    const seconds = Math.round(allowed) / 1_000;
    let code = 'none';

    const cancel = new AbortController();
    const onAbort = () => cancel.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    let timedOut = false;
    const disarm = alarm(clock, allowed, () => {
      timedOut = true;
      cancel.abort();
    });

    try {
      signal?.throwIfAborted();
      const response = await dispatcher.request({
        origin: baseUrl.origin,
        path: `${prefix}${request.path}${queryString(request.query)}`,
        method: 'GET',
        headers: {
          authorization: `Bearer ${secret}`,
          accept: 'application/json',
          'accept-encoding': 'gzip',
          'user-agent': userAgent,
          ...(organization === undefined ? {} : { 'openai-organization': organization }),
        },
        signal: cancel.signal,
      });
      code = String(response.statusCode);
      if (response.statusCode >= 200 && response.statusCode < 300) {
        const scan = request.shape && createScan(request.shape);
        const body = await readBody(response, longestBody, cancel.signal, scan?.take);
        return { status: response.statusCode, body, endedAt: clock.monotonic() };
      }
      throw new AttemptFailed(await refusal(sending, response, cancel.signal));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof AttemptFailed) throw error;
      if (timedOut) {
        const part = code === 'none' ? 'no answer' : 'no complete answer';
        const late = errors.make(request, { reason: 'timeout', detail: `${part} within ${seconds} s` });
        throw new AttemptFailed({ error: late, again: true });
      }
      throw new AttemptFailed(broken(request, error, code));
    } finally {
      disarm();
      signal?.removeEventListener('abort', onAbort);
      observer.attempt(api, code, (clock.monotonic() - begun) / 1_000);
    }
  }

  /** Returns what an answer other than a success means. */
  async function refusal(
    { request: target, kind }: Sending,
    response: Dispatcher.ResponseData,
    signal: AbortSignal,
  ): Promise<Failure> {
    const status = response.statusCode;
    const worthIt = isRetryable(status);
    const retryAfterMs = worthIt ? parseRetryAfter(headerOf(response.headers, 'retry-after'), clock.now()) : undefined;
    const notBefore = retryAfterMs === undefined ? undefined : clock.monotonic() + retryAfterMs;
    // Before the body is read, so that nobody sends the like meanwhile.
    if (notBefore !== undefined) budget.holdUntil(notBefore, kind);
    const contentType = headerOf(response.headers, 'content-type')?.split(';')[0];
    const location = addressIn(headerOf(response.headers, 'location'));
    const { message, code, param } = apiErrorIn(await readStart(response, longestErrorBody, signal));
    const error = errors.make(target, {
      reason: reasonOfStatus(status),
      status,
      code,
      param,
      detail:
        status < 400
          ? `redirected${location === undefined ? '' : ` to ${location}`}; redirects are not followed`
          : (message ?? `answered with ${contentType ?? 'no content type'} and no API error message`),
      baseUrl: `${baseUrl.origin}${prefix}`,
      contentType: message === undefined ? contentType : undefined,
      location,
      requestId: headerOf(response.headers, 'x-request-id'),
      retryAfterMs,
    });
    if (notBefore !== undefined && isOfOrganization(code)) budget.holdUntil(notBefore);
    return { error, again: worthIt && code !== quotaUsedUp, notBefore };
  }

  /** The address that a redirect leads to; without its query, in which a login can have anything. */
  function addressIn(location: string | undefined): string | undefined {
    if (location === undefined || !URL.canParse(location, baseUrl.href)) return undefined;
    const { protocol, host, pathname } = new URL(location, baseUrl);
    return /^https?:$/.test(protocol) ? errors.presentable(`${protocol}//${host}${pathname}`, 200) : undefined;
  }

  /** Returns what it means that a request or the body of a success broke off. */
  function broken(target: Target, cause: unknown, code: string): Failure {
    const status = code === 'none' ? undefined : Number(code);
    const fault = codeOf(cause) ?? '';
    const named = (reason: ApiErrorDetails['reason'], detail: string) =>
      errors.make(target, { reason, detail, status, cause });
    if (cause instanceof BodyRefused) return { error: named(cause.reason, cause.message), again: false };
    if (fault === 'UND_ERR_HEADERS_OVERFLOW') return { error: named('too_large', describe(cause)), again: false };
    if (fault === 'UND_ERR_HEADERS_TIMEOUT' || fault === 'UND_ERR_BODY_TIMEOUT') {
      return { error: named('timeout', describe(cause)), again: true };
    }
    if (fault === 'Z_DATA_ERROR') return { error: named('malformed', `not gzip: ${describe(cause)}`), again: false };
    const cut = status === undefined ? '' : 'the body was cut short: ';
    // Faults of the program itself or its end, not of the network: another try would end the same way.
    const again = !['UND_ERR_INVALID_ARG', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED'].includes(fault);
    return { error: named('network', `${cut}${describe(cause)}`), again };
  }

  return attempt;
}

/** Waiting does not help: somebody has to pay. */
const quotaUsedUp = 'insufficient_quota';

/** Codes that are about the whole organization, whatever was asked for. */
function isOfOrganization(code: string | undefined): boolean {
  return code !== undefined && (code === quotaUsedUp || /organization|billing/.test(code));
}

function queryString(query: Sending['request']['query']): string {
  if (query.length === 0) return '';
  return `?${query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}`;
}
