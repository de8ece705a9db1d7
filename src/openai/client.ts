/**
 * One GET, to a decoded value or to a named error: keeps to the budget, tries again what is worth it, and bounds
 * time and bytes. It knows nothing of what is asked.
 */
import type { Dispatcher } from 'undici';
import { alarm, type Clock } from '../clock.ts';
import { codeOf } from '../error-code.ts';
import type { KeySource } from './admin-key.ts';
import { BodyRefused, headerOf, longestBody, longestErrorBody, readBody, readStart } from './body.ts';
import { type ApiLabel, isListApi } from './catalogue.ts';
import {
  ApiError,
  type ApiErrorDetails,
  apiErrorIn,
  causeWithout,
  describe,
  presentable,
  reasonOfStatus,
  sentence,
} from './errors.ts';
import { isCommon } from './outage.ts';
import type { Budget, Priority } from './request-budget.ts';
import { backoff, isRetryable, parseRetryAfter } from './retry.ts';
import { type BodyShape, createScan } from './scan.ts';

export interface GetRequest {
  readonly api: ApiLabel;
  /** Below the base URL, beginning with a slash. */
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly priority: Priority;
  /** Monotonic milliseconds: no attempt goes on, and no wait begins, past it. */
  readonly deadline: number;
  /** Bounds of the body, besides its length. */
  readonly shape?: BodyShape;
  /** Tries at the most, whatever time is left. Default: as many as the deadline allows. */
  readonly attempts?: number;
  readonly signal?: AbortSignal | undefined;
  /** Time spent waiting for the request budget is added here, if given, and moves the deadline. */
  readonly patience?: Patience | undefined;
  /**
   * Called once, with the reason, if there is no answer within twice the time that an attempt has: the request goes on,
   * but whoever asked is not to be taken for healthy meanwhile.
   */
  readonly late?: ((error: ApiError) => void) | undefined;
}

/** Milliseconds that requests with a common deadline have waited for the request budget. */
export interface Patience {
  waited: number;
}

export interface Answer<T> {
  readonly value: T;
  /** The number of bytes in the body, decompressed. */
  readonly bytes: number;
  /** UTC milliseconds just before the first attempt was sent. */
  readonly startedAt: number;
  /** Monotonic milliseconds of the last byte. */
  readonly endedAt: number;
}

export interface Client {
  /**
   * Asks until there is an answer, within the deadline.
   * @throws {ApiError} named by its reason; what `decode` throws becomes `malformed`, unless it is an ApiError
   * @throws the signal's reason once it is aborted
   */
  get<T>(request: GetRequest, decode: (body: Buffer) => T | Promise<T>): Promise<Answer<T>>;
}

export interface ClientObserver {
  /** One attempt has ended: with this status, or `none`; it took so many seconds. */
  attempt(api: ApiLabel, code: string, seconds: number): void;
  /** Another attempt is going to be made. */
  retry(api: ApiLabel): void;
  /** OpenAI had not answered anything for so many milliseconds, and does again. */
  answersAgain?(quiet: number): void;
}

export interface ClientOptions {
  readonly baseUrl: URL;
  readonly key: KeySource;
  readonly dispatcher: Dispatcher;
  readonly budget: Budget;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly organization?: string | undefined;
  /** The time that one attempt may take, its body included. */
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly observer: ClientObserver;
}

type Target = Pick<GetRequest, 'api' | 'path'>;

interface Received {
  readonly status: number;
  readonly body: Buffer;
  readonly endedAt: number;
}

/** How an attempt failed, and whether another may do better. */
interface Failure {
  readonly error: ApiError;
  readonly again: boolean;
  /** Monotonic milliseconds: the API wants nothing of the kind before it. */
  readonly notBefore?: number | undefined;
}

/** A request on its way to an answer. */
interface Course {
  readonly request: GetRequest;
  readonly kind: string;
  /** Monotonic milliseconds: no attempt goes on, and no wait begins, past it. */
  deadline(): number;
  /** Why the last attempt failed. */
  before: ApiError | undefined;
  /** Monotonic milliseconds at which the first attempt was sent. */
  sentAt: number | undefined;
  /** The wait for the budget: monotonic milliseconds since when, and how long OpenAI had not answered until then. */
  waiting: { readonly since: number; readonly spared: number } | undefined;
}

class AttemptFailed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.error.message);
    this.failure = failure;
  }
}

/** A client that has sent nothing; all that it asks shares one budget and one key. */
export function createClient(options: ClientOptions): Client {
  const { baseUrl, key, dispatcher, budget, clock, random, organization, timeoutMs, userAgent, observer } = options;
  /** The keys used last: an answer to the old one can come, and repeat it, when there is a new one already. */
  let secrets: readonly string[] = [];
  /** Why the last attempt failed that did, whatever it asked for. */
  let lastFailure: ApiError | undefined;
  const prefix = baseUrl.pathname.replace(/\/+$/, '');

  function failed(
    { api, path }: Target,
    { cause, detail, code, param, requestId, ...rest }: Omit<ApiErrorDetails, 'api' | 'path'>,
  ): ApiError {
    return new ApiError({
      api,
      path,
      ...rest,
      detail: presentable(detail, secrets),
      code: code === undefined ? undefined : presentable(code, secrets, 100),
      param: param === undefined ? undefined : presentable(param, secrets, 100),
      requestId: requestId === undefined ? undefined : presentable(requestId, secrets, 100),
      until: rest.retryAfterMs === undefined ? undefined : clock.now() + rest.retryAfterMs,
      ...(cause === undefined ? {} : { cause: causeWithout(secrets, cause) }),
    });
  }

  /** A refusal that will go on until the file of the key can be read says so. */
  function withKeyTrouble(error: ApiError): ApiError {
    const trouble = key.trouble();
    if (trouble === undefined) return error;
    const { reason, api, path, status, code, requestId } = error;
    const detail = `${sentence(error.detail)} ${presentable(trouble, secrets)}`;
    return new ApiError({ reason, kind: 'key_file', api, path, status, code, requestId, detail });
  }

  /** The key to ask with. @throws an ApiError while there is none */
  async function usableKey(request: Target): Promise<string> {
    if (key.current() === undefined) await key.refused();
    const secret = key.current();
    if (secret !== undefined) return secret;
    throw failed(request, { reason: 'auth', kind: 'key_file', detail: key.trouble() ?? 'there is no key' });
  }

  function begin(request: GetRequest): Course {
    const { api, priority, patience } = request;
    const course: Course = {
      request,
      kind: kindOf(api),
      before: undefined,
      sentAt: undefined,
      waiting: undefined,
      deadline: () => request.deadline + (patience?.waited ?? 0) + waitedSoFar(course),
    };
    /** Ends the wait that goes on. A poll's time runs on while OpenAI does not answer; what comes in its own time waits. */
    function waitedSoFar({ waiting }: Course): number {
      if (patience === undefined || waiting === undefined) return 0;
      const spared = priority === 'poll' ? budget.spared() - waiting.spared : 0;
      return clock.monotonic() - waiting.since - spared;
    }
    return course;
  }

  /** Why a request is not sent in time. */
  function unsent({ request, kind, before }: Course): ApiError {
    const heldFor = budget.heldUntil(kind) - clock.monotonic();
    if (heldFor > 0) {
      return failed(request, {
        reason: 'rate_limited',
        detail: `the API asked to send nothing for another ${Math.ceil(heldFor / 1_000)} s`,
        retryAfterMs: heldFor,
        cause: before,
      });
    }
    // What was wrong then is why the time ran out.
    if (before !== undefined) return before;
    if (budget.sparingSince() !== undefined) return unasked(request);
    return failed(request, {
      reason: 'timeout',
      kind: 'request_limit',
      detail: 'the deadline passed before the request limit let it be sent',
    });
  }

  /** Why a request waits that has not been sent: others were not answered. */
  function unasked(request: Target): ApiError {
    if (lastFailure === undefined) return failed(request, { reason: 'timeout', detail: 'not asked yet' });
    const { reason, message } = lastFailure;
    return failed(request, { reason, detail: `not asked, because OpenAI does not answer: ${message}` });
  }

  /** Waits for the budget, until the deadline at the longest. */
  async function permission(course: Course): Promise<() => void> {
    const { request, kind } = course;
    const { api, priority, signal, patience } = request;
    const isHopeless = () => {
      const deadline = course.deadline();
      return deadline <= clock.monotonic() || budget.heldUntil(kind) >= deadline;
    };
    if (isHopeless()) throw unsent(course);

    const tooLate = Symbol('too late');
    const waiting = new AbortController();
    const onAbort = () => waiting.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const watch = (): (() => void) =>
      alarm(clock, course.deadline() - clock.monotonic(), () => {
        if (isHopeless()) waiting.abort(tooLate);
        else disarm = watch();
      });
    course.waiting = { since: clock.monotonic(), spared: budget.spared() };
    let disarm = watch();
    try {
      signal?.throwIfAborted();
      return await budget.acquire({ priority, api, kind }, waiting.signal);
    } catch (error) {
      throw error === tooLate ? unsent(course) : error;
    } finally {
      disarm();
      signal?.removeEventListener('abort', onAbort);
      const deadline = course.deadline();
      course.waiting = undefined;
      if (patience !== undefined) patience.waited += deadline - course.deadline();
    }
  }

  /** Calls `late` once there has been no answer for too long. Returns what ends the watch. */
  function watchOver(course: Course, late: (error: ApiError) => void): () => void {
    const { request } = course;
    const begun = clock.monotonic();
    const patient = 2 * timeoutMs;
    /** Waiting for a turn is no fault of OpenAI, unless the turn does not come because it does not answer. */
    const left = () => {
      const sparing = budget.sparingSince();
      const waitsSince = sparing === undefined ? Number.POSITIVE_INFINITY : Math.max(sparing, begun);
      return Math.min(
        patient,
        Math.min(course.sentAt ?? Number.POSITIVE_INFINITY, waitsSince) + patient - clock.monotonic(),
      );
    };
    const watch = (): (() => void) =>
      alarm(clock, left(), () => {
        if (left() > 0) off = watch();
        else late(course.before ?? (course.sentAt === undefined ? unasked(request) : silent(request, patient)));
      });
    let off = watch();
    return () => off();
  }

  function silent(request: Target, ms: number): ApiError {
    return failed(request, { reason: 'timeout', detail: `no answer within ${ms / 1_000} s; the request goes on` });
  }

  /** One attempt. @throws AttemptFailed, or the signal's reason */
  async function attempt(course: Course, secret: string): Promise<Received> {
    const { request } = course;
    const { api, signal } = request;
    const begun = clock.monotonic();
    course.sentAt ??= begun;
    const allowed = Math.min(timeoutMs, course.deadline() - begun);
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
      throw new AttemptFailed(await refusal(course, response, cancel.signal));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof AttemptFailed) throw error;
      if (timedOut) {
        const part = code === 'none' ? 'no answer' : 'no complete answer';
        const late = failed(request, { reason: 'timeout', detail: `${part} within ${seconds} s` });
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
    { request: target, kind }: Course,
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
    const error = failed(target, {
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
    return /^https?:$/.test(protocol) ? presentable(`${protocol}//${host}${pathname}`, secrets, 200) : undefined;
  }

  /** Returns what it means that a request or the body of a success broke off. */
  function broken(target: Target, cause: unknown, code: string): Failure {
    const status = code === 'none' ? undefined : Number(code);
    const fault = codeOf(cause) ?? '';
    const named = (reason: ApiErrorDetails['reason'], detail: string) =>
      failed(target, { reason, detail, status, cause });
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

  /** Tells the budget how an attempt ended, for that says whether OpenAI answers at all. */
  function tell(api: ApiLabel, error: ApiError | undefined): void {
    if (error !== undefined && isCommon(error.reason)) {
      lastFailure = error;
      // Whoever says when to come again is heard, and is not asked before.
      if (error.retryAfterMs === undefined) budget.failed(api);
      return;
    }
    const quiet = budget.answered(api);
    if (quiet !== undefined) observer.answersAgain?.(quiet);
  }

  async function ask<T>(course: Course, decode: (body: Buffer) => T | Promise<T>): Promise<Answer<T>> {
    const { request } = course;
    const { api, signal, attempts = Number.POSITIVE_INFINITY } = request;
    let keyWasRefused = false;
    let startedAt: number | undefined;

    for (let failures = 0; ; ) {
      signal?.throwIfAborted();
      const known = await usableKey(request);
      const release = await permission(course);
      if (course.before !== undefined) observer.retry(api);
      startedAt ??= clock.now();
      const secret = key.current() ?? known;
      if (secrets[0] !== secret) secrets = [secret, ...secrets].slice(0, 3);
      let received: Received;
      try {
        received = await attempt(course, secret);
      } catch (error) {
        if (!(error instanceof AttemptFailed)) throw error;
        const { failure } = error;
        course.before = failure.error;
        // Before the place is given up, so that whoever takes it knows.
        tell(api, failure.error);
        release();
        if (failure.error.reason === 'auth') {
          const first = !keyWasRefused;
          keyWasRefused = true;
          // Another request may have found the new key already.
          if (first && (key.current() !== secret || (await key.refused()))) continue;
          throw withKeyTrouble(failure.error);
        }
        const wait = failure.notBefore === undefined ? 0 : failure.notBefore - clock.monotonic();
        const pause = wait > 0 ? wait : backoff(failures, random);
        failures += 1;
        if (!failure.again || failures >= attempts || clock.monotonic() + pause >= course.deadline()) {
          throw failure.error;
        }
        await clock.sleep(pause, signal);
        continue;
      } finally {
        release();
      }
      tell(api, undefined);
      const { status, body, endedAt } = received;
      try {
        return { value: await decode(body), bytes: body.length, startedAt, endedAt };
      } catch (cause) {
        if (cause instanceof ApiError) throw cause;
        throw failed(request, { reason: 'malformed', status, detail: describe(cause), cause });
      }
    }
  }

  async function get<T>(request: GetRequest, decode: (body: Buffer) => T | Promise<T>): Promise<Answer<T>> {
    const course = begin(request);
    const off = request.late === undefined ? undefined : watchOver(course, request.late);
    try {
      return await ask(course, decode);
    } finally {
      off?.();
    }
  }

  return { get };
}

/** A list's `Retry-After` holds lists, that of an api of usage or costs holds this api. */
function kindOf(api: ApiLabel): string {
  return isListApi(api) ? 'lists' : api;
}

/** Waiting does not help: somebody has to pay. */
const quotaUsedUp = 'insufficient_quota';

/** Codes that are about the whole organization, whatever was asked for. */
function isOfOrganization(code: string | undefined): boolean {
  return code !== undefined && (code === quotaUsedUp || /organization|billing/.test(code));
}

function queryString(query: GetRequest['query']): string {
  if (query.length === 0) return '';
  return `?${query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}`;
}
