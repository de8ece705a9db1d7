/**
 * One GET, to a decoded value or to a named error: keeps to the budget and the deadline, and tries again what is worth
 * it. It knows nothing of what is asked.
 */
import { alarm } from '../clock.ts';
import type { KeySource } from './admin-key.ts';
import { type ApiLabel, isListApi } from './catalogue.ts';
import { ApiError, describe, sentence } from './errors.ts';
import { AttemptFailed, type AttemptOptions, createAttempt, type Received, type Sending } from './http-attempt.ts';
import { createKeylessErrors, type Target } from './keyless-errors.ts';
import { isCommon } from './outage.ts';
import type { Budget, Priority } from './request-budget.ts';
import { backoff } from './retry.ts';
import type { BodyShape } from './scan.ts';

export interface GetRequest {
  readonly api: ApiLabel;
  /** The path below the base URL, beginning with a slash. */
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

export interface ClientOptions extends AttemptOptions {
  readonly key: KeySource;
  readonly budget: Budget;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly observer: ClientObserver;
}

/** A request on its way to an answer. */
interface Course extends Sending {
  readonly request: GetRequest;
  /** The error of the last attempt. */
  before: ApiError | undefined;
  /** The wait for the budget: monotonic milliseconds since when, and how long OpenAI had not answered until then. */
  waiting: { readonly since: number; readonly spared: number } | undefined;
}

/** A client that has sent nothing; all that it asks shares one budget and one key. */
export function createClient(options: ClientOptions): Client {
  const { key, budget, clock, random, timeoutMs, observer } = options;
  const errors = createKeylessErrors(() => clock.now());
  const attempt = createAttempt(options, errors);
  /** The error of the last attempt that failed, whatever it asked for. */
  let lastFailure: ApiError | undefined;

  /** A refusal that will go on until the file of the key can be read says so. */
  function withKeyTrouble(error: ApiError): ApiError {
    const trouble = key.trouble();
    if (trouble === undefined) return error;
    const { reason, api, path, status, code, requestId } = error;
    const detail = `${sentence(error.detail)} ${errors.presentable(trouble)}`;
    return new ApiError({ reason, kind: 'key_file', api, path, status, code, requestId, detail });
  }

  /** The key to ask with. @throws an ApiError while there is none */
  async function usableKey(request: Target): Promise<string> {
    if (key.current() === undefined) await key.refused();
    const secret = key.current();
    if (secret !== undefined) return secret;
    throw errors.make(request, { reason: 'auth', kind: 'key_file', detail: key.trouble() ?? 'there is no key' });
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

  /** Returns why a request is not sent in time. */
  function unsent({ request, kind, before }: Course): ApiError {
    const heldFor = budget.heldUntil(kind) - clock.monotonic();
    if (heldFor > 0) {
      return errors.make(request, {
        reason: 'rate_limited',
        detail: `the API asked to send nothing for another ${Math.ceil(heldFor / 1_000)} s`,
        retryAfterMs: heldFor,
        cause: before,
      });
    }
    // What was wrong then is why the time ran out.
    if (before !== undefined) return before;
    if (budget.sparingSince() !== undefined) return unasked(request);
    return errors.make(request, {
      reason: 'timeout',
      kind: 'request_limit',
      detail: 'the deadline passed before the request limit let it be sent',
    });
  }

  /** Returns why a request that has not been sent waits: others were not answered. */
  function unasked(request: Target): ApiError {
    if (lastFailure === undefined) return errors.make(request, { reason: 'timeout', detail: 'not asked yet' });
    const { reason, message } = lastFailure;
    return errors.make(request, { reason, detail: `not asked, because OpenAI does not answer: ${message}` });
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
    return errors.make(request, { reason: 'timeout', detail: `no answer within ${ms / 1_000} s; the request goes on` });
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
      errors.hide(secret);
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
        throw errors.make(request, { reason: 'malformed', status, detail: describe(cause), cause });
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
