/**
 * The simulated organization as an undici dispatcher: a client reaches it without a socket, so a simulated day has
 * no transport but promises. Time passes only on the clock that was given; timeouts of a request run on it, too.
 * Bodies are never compressed.
 */
import { Dispatcher, errors } from 'undici';
import {
  createExchange,
  type Exchange,
  type ExchangeOptions,
  type LoggedRequest,
} from '../../src/simulation/exchange.ts';
import type { ApiRequest } from '../../src/simulation/reply.ts';
import { type Delivery, deliveries, type FaultRule } from './faults.ts';

export interface DispatcherOptions extends ExchangeOptions {
  readonly faults?: readonly FaultRule[];
  /** The milliseconds that an answer takes on the clock. Default: none. */
  readonly latency?: number | ((request: LoggedRequest) => number);
}

type Options = Dispatcher.DispatchOptions;
type Handler = Dispatcher.DispatchHandler;

function headersOf(given: Options['headers']): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {};
  const add = (name: unknown, value: unknown) => {
    if (value === undefined || value === null) return;
    headers[String(name).toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value);
  };
  if (given === null || given === undefined) return headers;
  if (Array.isArray(given)) {
    for (let i = 0; i + 1 < given.length; i += 2) add(given[i], given[i + 1]);
  } else if (Symbol.iterator in given) {
    for (const pair of given) if (Array.isArray(pair)) add(pair[0], pair[1]);
  } else for (const [name, value] of Object.entries(given)) add(name, value);
  return headers;
}

function addressOf({ path, query }: Options): { readonly path: string; readonly query: URLSearchParams } {
  const mark = path.indexOf('?');
  const params = new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1));
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) params.append(name, String(each));
  }
  return { path: mark < 0 ? path : path.slice(0, mark), query: params };
}

/** The reason with which what runs for a request ends: no error, which would cost its stack each time. */
const over = Symbol('over');

/** One running request: tells the handler what happens, in undici's older or newer manner, and nothing after its end. */
class Call implements Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  readonly stop = new AbortController();
  ended = false;
  readonly #handler: Handler;
  readonly #onEnd: () => void;
  #waiting: (() => void)[] = [];

  constructor(handler: Handler, onEnd: () => void) {
    this.#handler = handler;
    this.#onEnd = onEnd;
  }

  start(): void {
    const handler = this.#handler;
    if (handler.onRequestStart) handler.onRequestStart(this, null);
    else handler.onConnect?.((reason) => this.abort(reason ?? new errors.RequestAbortedError()));
  }

  abort(reason: Error): void {
    if (this.ended) return;
    this.aborted = true;
    this.reason = reason;
    this.fail(reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    while (!this.paused && this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    const handler = this.#handler;
    if (handler.onRequestStart) {
      handler.onResponseStart?.(this, status, { ...headers }, '');
      return;
    }
    const raw = Object.entries(headers).flatMap((pair) => pair.map((text) => Buffer.from(text, 'latin1')));
    if (handler.onHeaders?.(status, raw, () => this.resume(), '') === false) this.pause();
  }

  data(chunk: Buffer): void {
    this.#whenFlowing(() => {
      const handler = this.#handler;
      if (handler.onRequestStart) handler.onResponseData?.(this, chunk);
      else if (handler.onData?.(chunk) === false) this.pause();
    });
  }

  end(): void {
    this.#whenFlowing(() => {
      this.#finish();
      const handler = this.#handler;
      if (handler.onRequestStart) handler.onResponseEnd?.(this, {});
      else handler.onComplete?.([]);
    });
  }

  fail(error: Error): void {
    if (this.ended) return;
    this.#finish();
    const handler = this.#handler;
    if (handler.onRequestStart) handler.onResponseError?.(this, error);
    else handler.onError?.(error);
  }

  #finish(): void {
    this.ended = true;
    this.#waiting = [];
    this.#onEnd();
    this.stop.abort(over);
  }

  #whenFlowing(action: () => void): void {
    if (this.ended) return;
    if (this.paused) this.#waiting.push(() => this.#whenFlowing(action));
    else action();
  }
}

/** undici's own default, milliseconds. */
const defaultTimeout = 300_000;

export class SimulatedDispatcher extends Dispatcher {
  readonly requests: readonly LoggedRequest[];
  readonly counts: ReadonlyMap<string, number>;
  readonly #options: DispatcherOptions;
  readonly #exchange: Exchange;
  readonly #deliver: (request: ApiRequest) => Delivery;
  readonly #calls = new Set<Call>();
  #closed = false;

  constructor(options: DispatcherOptions) {
    super();
    this.#options = options;
    this.#exchange = createExchange(options);
    this.#deliver = deliveries(this.#exchange, options.faults ?? []);
    this.requests = this.#exchange.requests;
    this.counts = this.#exchange.counts;
  }

  /** Requests that have neither been answered in full nor failed. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** Forgets what was logged and counted. */
  forget(): void {
    this.#exchange.forget();
  }

  override dispatch(options: Options, handler: Handler): boolean {
    const call = new Call(handler, () => this.#calls.delete(call));
    if (this.#closed) {
      call.fail(new errors.ClientClosedError());
      return false;
    }
    this.#calls.add(call);
    call.start();
    if (call.ended) return true;
    const delivery = this.#deliver({
      method: options.method,
      headers: headersOf(options.headers),
      ...addressOf(options),
    });
    const { latency = 0 } = this.#options;
    const logged = this.requests.at(-1);
    const wait = typeof latency === 'number' || !logged ? Number(latency) : latency(logged);
    this.#carryOut(call, delivery, wait, options).catch((error: unknown) => {
      call.fail(error instanceof Error ? error : new errors.RequestAbortedError());
    });
    return true;
  }

  async #carryOut(call: Call, delivery: Delivery, latency: number, options: Options): Promise<void> {
    const { clock } = this.#options;
    const { signal } = call.stop;
    const headersTimeout = options.headersTimeout ?? defaultTimeout;
    const bodyTimeout = options.bodyTimeout ?? defaultTimeout;
    const wait = delivery.kind === 'hang' ? Infinity : latency + (delivery.kind === 'whole' ? delivery.afterMs : 0);
    if (headersTimeout > 0 && wait > headersTimeout) {
      await clock.sleep(headersTimeout, signal);
      call.fail(new errors.HeadersTimeoutError());
      return;
    }
    if (delivery.kind === 'hang') return;
    if (wait > 0) await clock.sleep(wait, signal);
    else await Promise.resolve();
    if (call.ended) return;
    if (delivery.kind === 'reset') {
      call.fail(Object.assign(new errors.SocketError('read ECONNRESET'), { code: 'ECONNRESET' }));
      return;
    }
    const { status, headers, body } = delivery.response;
    const bytes = Buffer.from(body);
    call.head(status, { ...headers, 'content-length': String(bytes.length) });
    switch (delivery.kind) {
      case 'whole':
        call.data(bytes);
        call.end();
        return;
      case 'cut':
        call.data(bytes.subarray(0, Math.floor(bytes.length * delivery.share)));
        call.fail(new errors.SocketError('other side closed'));
        return;
      case 'drip':
        for (let from = 0; from < bytes.length && !call.ended; from += delivery.bytes) {
          call.data(bytes.subarray(from, from + delivery.bytes));
          if (bodyTimeout > 0 && delivery.everyMs > bodyTimeout) {
            await clock.sleep(bodyTimeout, signal);
            call.fail(new errors.BodyTimeoutError());
            return;
          }
          await clock.sleep(delivery.everyMs, signal);
        }
        call.end();
    }
  }

  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | undefined {
    this.#closed = true;
    return settled(callback);
  }

  override destroy(): Promise<void>;
  override destroy(error: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> | undefined {
    this.#closed = true;
    const reason = error instanceof Error ? error : new errors.ClientDestroyedError();
    for (const call of [...this.#calls]) call.fail(reason);
    return settled(typeof error === 'function' ? error : callback);
  }
}

function settled(callback: (() => void) | undefined): Promise<void> | undefined {
  if (!callback) return Promise.resolve();
  queueMicrotask(callback);
  return undefined;
}
