/** The routes: who may ask what, by which method, and what is answered. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { OwnText } from '../metrics/own-text.ts';
import type { PageSource } from '../metrics/page.ts';
import { type Status, StatusUnavailable } from '../status.ts';
import type { Verdict } from './basic-auth.ts';
import { clientAt } from './client-address.ts';
import { type LiveRoutesOptions, liveHandlers, livePaths } from './live-routes.ts';
import { sendExposition } from './metrics-answer.ts';
import { refreshScript } from './refresh.ts';
import type { Refuse } from './refused-clients.ts';
import { createSlots } from './slots.ts';
import { assetPaths, statusPage, statusPolicy } from './status-page.ts';
import { styleSheet } from './style.ts';

/**
 * Finds out whether a request may see what the exporter knows; `busy` where that cannot be found out soon. Health
 * routes are open to everybody.
 * @param client who sends it: see `clientAt`
 */
export type Authorize = (request: Request, client: string) => Verdict | Promise<Verdict>;

export interface AppOptions {
  readonly page: PageSource;
  /** Further pages that follow it. */
  readonly further?: readonly PageSource[];
  /** Takes live usage; without it there are no such routes. */
  readonly live?: LiveRoutesOptions;
  /** The exporter's own metrics in the text format; they follow the page. */
  readonly own: () => Promise<readonly OwnText[]>;
  /** Everything that the status page shows. @throws {StatusUnavailable} where it cannot be had now */
  readonly status: () => Status | Promise<Status>;
  /** Every api was tried once. */
  readonly ready: () => boolean;
  /** Scrapes at once, and status pages at once; further ones get 503. */
  readonly maxRequests: number;
  readonly telemetryPath: string;
  /** Everybody may, if not given. */
  readonly authorize?: Authorize;
  /** Counts a request of a client; gives the milliseconds after which it may come again, 0 if it may be answered. */
  readonly delay?: (client: string) => number;
  /** Called for each request that was not answered because of who sent it, or how many there were. */
  readonly refuse?: Refuse;
  /** Headers of every answer; they replace ours of the same name. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** A scrape was turned away because of `maxRequests`. */
  readonly onRejected: () => void;
  readonly log: Logger;
  /** The wall's clock: a demonstration's clock would make its limits of time too short. */
  readonly clock: Clock;
}

/** Milliseconds that a client waits for the word that its password has no place among those that wait. */
const busyAfter = 2_000;

const closedPolicy = "default-src 'none'; frame-ancestors 'none'";

const noHeaders: NonNullable<AppOptions['headers']> = () => ({});

/** The routes as a handler of requests. It starts nothing; what a route throws is logged and answered with 500. */
export function createApp(options: AppOptions): Express {
  const {
    authorize = () => true,
    delay = () => 0,
    refuse = () => {},
    headers = noHeaders,
    telemetryPath,
    log,
    clock,
  } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);

  const isLive = options.live !== undefined;
  app.use((request, response, next) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Content-Security-Policy', closedPolicy);
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cache-Control', 'no-store');
    for (const [name, value] of Object.entries(headers())) response.setHeader(name, value);
    // Only live usage is read; another body that comes ends with its connection, however long it is.
    if (hasBody(request) && !(isLive && request.method === 'POST' && isLivePath(request.path))) {
      response.setHeader('Connection', 'close');
    }
    next();
  });

  const guard = async (request: Request, response: Response, next: NextFunction) => {
    // While it is there: who has hung up has none.
    const { remoteAddress } = request.socket;
    const client = clientAt(remoteAddress);
    const wait = delay(client);
    if (wait > 0) {
      refuse('rate_limited', remoteAddress);
      response.setHeader('Retry-After', Math.ceil(wait / 1_000));
      return answer(response, 429, 'Too many requests.\n');
    }
    const verdict = await authorize(request, client);
    if (verdict === true) return next();
    if (verdict === 'busy') {
      refuse('busy', remoteAddress);
      // Told at once, a guesser would come again at once, thousands of times a second.
      await clock.sleep(busyAfter);
      response.setHeader('Retry-After', '5');
      return answer(response, 503, 'Too many passwords are being checked.\n');
    }
    refuse('unauthorized', remoteAddress);
    response.setHeader('WWW-Authenticate', 'Basic realm="metrics", charset="UTF-8"');
    answer(response, 401, 'A user and password are needed.\n');
  };
  const get = (path: string, ...handlers: ((request: Request, response: Response, next: NextFunction) => unknown)[]) =>
    app.route(path).all(readOnly, ...handlers);

  get('/-/healthy', (_request, response) => answer(response, 200, 'healthy\n'));
  get('/-/ready', (_request, response) => {
    if (options.ready()) answer(response, 200, 'ready\n');
    else answer(response, 503, 'not ready: not every api has been tried once\n');
  });
  get(telemetryPath, guard, scrapeHandler(options));
  const pageSlots = createSlots(options.maxRequests, clock, () => {});
  const sendShared = (make: () => Promise<Buffer>, type: string) => {
    const shared = createShared(make);
    return async (_request: Request, response: Response) => {
      if (response.destroyed) return;
      if (!pageSlots.take(response)) {
        refuse('crowded', response.req.socket.remoteAddress);
        response.setHeader('Retry-After', '1');
        return answer(response, 503, 'Too many readers at once.\n');
      }
      answer(response, 200, await shared(), type);
    };
  };
  const sendStatus = sendShared(
    async () => Buffer.from(`${JSON.stringify(await options.status())}\n`),
    'application/json; charset=utf-8',
  );
  get('/api/status', guard, sendStatus);
  const sendPage = sendShared(
    async () => Buffer.from(statusPage(await options.status(), telemetryPath)),
    'text/html; charset=utf-8',
  );
  get('/', guard, (request, response) => {
    if (!('Content-Security-Policy' in headers())) response.setHeader('Content-Security-Policy', statusPolicy);
    return sendPage(request, response);
  });
  get(assetPaths.style, guard, (_request, response) => {
    answer(response, 200, styleSheet, 'text/css; charset=utf-8');
  });
  get(assetPaths.script, guard, (_request, response) => {
    answer(response, 200, refreshScript, 'text/javascript; charset=utf-8');
  });

  if (options.live !== undefined) {
    const handler = liveHandlers(options.live, { delay, refuse });
    for (const route of ['records', 'otlp'] as const) app.route(livePaths[route]).post(handler(route)).all(postOnly);
  }

  app.use((_request, response) => answer(response, 404, 'Not found.\n'));
  // Express knows a handler of errors by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    if (error instanceof StatusUnavailable && !response.headersSent) {
      response.setHeader('Retry-After', '5');
      return answer(response, 503, `Sorry: ${error.message}. The metrics are served as usual.\n`);
    }
    const status = statusOf(error);
    if (status === 500) log.error('a request could not be answered', { path: request.path, error });
    if (response.headersSent) response.destroy();
    else answer(response, status, status === 400 ? 'Bad request.\n' : 'Internal error; the log says more.\n');
  });
  return app;
}

function isLivePath(path: string): boolean {
  return Object.values<string>(livePaths).includes(path);
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function scrapeHandler({ page, further = [], own, maxRequests, onRejected, clock, log }: AppOptions) {
  const slots = createSlots(maxRequests, clock, (after) => {
    log.warn('a scrape was cut off: its reader was too slow', { seconds: after / 1_000 });
  });
  return async (request: Request, response: Response) => {
    // Gone while it was being authorized.
    if (response.destroyed) return;
    if (!slots.take(response)) {
      onRejected();
      response.setHeader('Retry-After', '1');
      answer(response, 503, `Too many scrapes at once (--web.max-requests is ${maxRequests}).\n`);
      return;
    }
    await sendExposition(request, response, { pages: [page, ...further], own });
  };
}

function readOnly(request: Request, response: Response, next: NextFunction): void {
  if (request.method === 'GET' || request.method === 'HEAD') {
    next();
    return;
  }
  response.setHeader('Allow', 'GET, HEAD');
  answer(response, 405, 'Only GET and HEAD are answered here.\n');
}

function postOnly(_request: Request, response: Response): void {
  response.setHeader('Allow', 'POST');
  answer(response, 405, 'Only POST is answered here.\n');
}

function answer(
  response: Response,
  status: number,
  text: string | Buffer,
  type: string = 'text/plain; charset=utf-8',
): void {
  // Not response.send: it would look at the request's caching headers and change the type.
  response.removeHeader('Content-Encoding');
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}

/** 400 for what Express could not make sense of, such as a path with a broken escape. */
function statusOf(error: unknown): 400 | 500 {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? 400 : 500;
}

/** Returns a function that gives the result of `make`: of the one that is under way, if one is. */
function createShared<T>(make: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= make().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
