/** The routes: who may ask what, by which method, and what is answered. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response, type Router } from 'express';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { OwnText } from '../metrics/own-text.ts';
import type { PageSource } from '../metrics/page.ts';
import { type OrganizationsStatus, type Status, StatusUnavailable } from '../status.ts';
import type { Verdict } from './basic-auth.ts';
import { clientAt } from './client-address.ts';
import { discovered } from './discovery.ts';
import { type LiveRoutesOptions, livePaths, reportTakers, type TakeReport } from './live-routes.ts';
import { sendExposition } from './metrics-answer.ts';
import { orderIn, organizationsPage } from './organizations-page.ts';
import { refreshScript } from './refresh.ts';
import type { Refuse } from './refused-clients.ts';
import { createSlots } from './slots.ts';
import { assetPaths, type Place, statusPage, statusPolicy } from './status-page.ts';
import { styleSheet } from './style.ts';

/**
 * Finds out whether a request may see what the exporter knows; `busy` where that cannot be found out soon. Health
 * routes are open to everybody.
 * @param client who sends it: see `clientAt`
 */
export type Authorize = (request: Request, client: string) => Verdict | Promise<Verdict>;

/** The data shown of one organization, or of several together, whose page is empty. */
export interface Site {
  readonly page: PageSource;
  /** Further pages that follow it. */
  readonly further?: readonly PageSource[];
  /** Takes live usage; without it there are no such routes. */
  readonly live?: LiveRoutesOptions;
  /** The exporter's own metrics in the text format; they follow the page. */
  readonly own: () => Promise<readonly OwnText[]>;
  /** Everything that the status page shows. @throws {StatusUnavailable} where it cannot be had now */
  readonly status: () => Status | OrganizationsStatus | Promise<Status>;
}

/** Several organizations, each below `/organizations/<name>`. */
export interface Sites {
  names(): Iterable<string>;
  site(name: string): Site | undefined;
  /** Reads their file again. Resolves with why it cannot be used, if it cannot. Absent where there is no file. */
  readonly reload?: () => Promise<string | undefined>;
  /** The address for service discovery, if it is not the one by which it was asked. */
  readonly externalUrl: string | undefined;
  /** True if this exporter itself speaks TLS. */
  readonly secure: boolean;
}

export interface AppOptions extends Site {
  /** Several organizations; absent where there is only one. */
  readonly sites?: Sites;
  /** Every api was tried once. */
  readonly ready: () => boolean;
  /** Scrapes at once, and status pages at once; further ones get 503. */
  readonly maxRequests: number;
  readonly telemetryPath: string;
  /** Everybody may read if this is not given. */
  readonly authorize?: Authorize;
  /** Counts a request of a client; gives the milliseconds after which it may come again, 0 if it may be answered. */
  readonly delay?: (client: string) => number;
  /** Called for each request that was not answered because of who sent it, or how many there were. */
  readonly refuse?: Refuse;
  /** Headers of every answer; they replace ours of the same name. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** A scrape was turned away because of `maxRequests`. */
  readonly onRejected: (address: string | undefined) => void;
  readonly log: Logger;
  /** The wall's clock: a demonstration's clock would make its limits of time too short. */
  readonly clock: Clock;
}

/** Milliseconds after which a client is told that too many passwords wait to be compared. */
const busyAfter = 2_000;

const closedPolicy = "default-src 'none'; frame-ancestors 'none'";

const noHeaders: NonNullable<AppOptions['headers']> = () => ({});

/** The routes as a handler of requests. It starts nothing; what a route throws is logged and answered with 500. */
export function createApp(options: AppOptions): RequestListener {
  const { authorize = () => true, delay = () => 0, refuse = () => {}, headers = noHeaders, log, clock } = options;
  const takerOf = createTakers(options);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);

  const guard = async (request: Request, response: Response, next: NextFunction) => {
    // Taken now, because a closed connection has no remote address.
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
      // A guesser that is told at once would come again at once, thousands of times a second.
      await clock.sleep(busyAfter);
      response.setHeader('Retry-After', '5');
      return answer(response, 503, 'Too many passwords are being checked.\n');
    }
    refuse('unauthorized', remoteAddress);
    response.setHeader('WWW-Authenticate', 'Basic realm="metrics", charset="UTF-8"');
    answer(response, 401, 'A user and password are needed.\n');
  };
  const get = (path: string, ...handlers: Handler[]) => app.route(path).all(readOnly, ...handlers);

  get('/-/healthy', (_request, response) => answer(response, 200, 'healthy\n'));
  get('/-/ready', (_request, response) => {
    if (options.ready()) answer(response, 200, 'ready\n');
    else answer(response, 503, 'not ready: not every api has been tried once\n');
  });
  addSite(app, options, options, { root: '.' }, guard);
  if (options.sites !== undefined) addSites(app, options.sites, options, guard);
  get(assetPaths.style, guard, (_request, response) => {
    answer(response, 200, styleSheet, 'text/css; charset=utf-8');
  });
  get(assetPaths.script, guard, (_request, response) => {
    answer(response, 200, refreshScript, 'text/javascript; charset=utf-8');
  });

  app.use((_request, response) => answer(response, 404, 'Not found.\n'));
  // Express knows a handler of errors by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    failed(error, request, response);
  });

  function failed(error: unknown, request: IncomingMessage, response: ServerResponse): void {
    if (error instanceof StatusUnavailable && !response.headersSent) {
      response.setHeader('Retry-After', '5');
      answer(response, 503, `Sorry: ${error.message}. The metrics are served as usual.\n`);
      return;
    }
    const status = statusOf(error);
    if (status === 500) log.error('a request could not be answered', { path: pathOf(request), error });
    if (response.headersSent) response.destroy();
    else answer(response, status, status === 400 ? 'Bad request.\n' : 'Internal error; the log says more.\n');
  }

  return (request, response) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Content-Security-Policy', closedPolicy);
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cache-Control', 'no-store');
    for (const [name, value] of Object.entries(headers())) response.setHeader(name, value);
    // Reports come thousands of times a second; to ask all the routes about each would cost more than to take it in.
    const take = takerOf(request);
    if (take !== undefined) {
      take(request, response).catch((error: unknown) => failed(error, request, response));
      return;
    }
    // Only reports are read; another body that comes ends with its connection, however long it is.
    if (hasBody(request)) response.setHeader('Connection', 'close');
    app(request, response);
  };
}

/** Returns what finds out who takes a report: the only organization, or one of several. Nobody takes other requests. */
function createTakers({ live, sites, delay = () => 0, refuse = () => {} }: AppOptions) {
  const known = new WeakMap<LiveRoutesOptions, ReadonlyMap<string, TakeReport>>();
  return (request: IncomingMessage): TakeReport | undefined => {
    if (request.method !== 'POST') return undefined;
    const path = pathOf(request);
    const [, name, below = path] = /^\/organizations\/([^/]+)(\/.*)$/.exec(path) ?? [];
    const options = name === undefined ? live : sites?.site(decoded(name))?.live;
    if (options === undefined) return undefined;
    const takers = known.get(options) ?? reportTakers(options, { delay, refuse });
    known.set(options, takers);
    return takers.get(below);
  };
}

/** Returns a part of a path without its escapes; as it is if one of them is broken, which names nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Returns the path of a request. A client that takes this for a proxy sends a whole address. */
function pathOf({ url = '' }: IncomingMessage): string {
  const [path = ''] = url.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1);
  return path;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

type Handler = (request: Request, response: Response, next: NextFunction) => unknown;

/**
 * Adds the routes of a site: its metrics, its status page, that as JSON, and its live usage.
 * @param place where they are
 * @param guard asked first at each route, but that of live usage, whose reports never come here
 */
function addSite(
  to: Router,
  site: Site,
  options: AppOptions,
  place: Omit<Place, 'telemetryPath'>,
  guard: Handler,
): void {
  const { maxRequests, telemetryPath, headers = noHeaders, refuse = () => {}, clock } = options;
  if (site.live !== undefined) for (const path of Object.values(livePaths)) to.route(path).all(postOnly);
  const get = (path: string, ...handlers: Handler[]) => to.route(path).all(readOnly, guard, ...handlers);
  const pageSlots = createSlots(maxRequests, clock, () => {});
  /** @param choose what of few answers is asked for */
  const sendShared = (
    make: (choice: string) => Promise<Buffer>,
    type: string,
    choose: (request: Request) => string = () => '',
  ) => {
    const shared = createShared(make);
    return async (request: Request, response: Response) => {
      if (response.destroyed) return;
      if (!pageSlots.take(response)) {
        refuse('crowded', response.req.socket.remoteAddress);
        response.setHeader('Retry-After', '1');
        return answer(response, 503, 'Too many readers at once.\n');
      }
      answer(response, 200, await shared(choose(request)), type);
    };
  };
  get(telemetryPath, scrapeHandler(site, options));
  get(
    '/api/status',
    sendShared(async () => Buffer.from(`${JSON.stringify(await site.status())}\n`), 'application/json; charset=utf-8'),
  );
  const sendPage = sendShared(
    async (order) => {
      const status = await site.status();
      const there = { telemetryPath, ...place };
      return Buffer.from(
        'organizations' in status ? organizationsPage(status, there, order) : statusPage(status, there),
      );
    },
    'text/html; charset=utf-8',
    ({ url }) => orderIn(url),
  );
  get('/', (request, response) => {
    if (!('Content-Security-Policy' in headers())) response.setHeader('Content-Security-Policy', statusPolicy);
    return sendPage(request, response);
  });
}

/** Adds what there is besides where there are several organizations: the routes of each, discovery, and the reload. */
function addSites(app: Express, sites: Sites, options: AppOptions, guard: Handler): void {
  const { telemetryPath } = options;
  /** The routes of a site go with it. */
  const routers = new WeakMap<Site, Router>();
  const routerOf = (site: Site, name: string): Router => {
    const known = routers.get(site);
    if (known !== undefined) return known;
    const router = express.Router({ caseSensitive: true, strict: true });
    addSite(router, site, options, { root: '../..', name }, guard);
    routers.set(site, router);
    return router;
  };
  app.route('/sd').all(readOnly, guard, (request, response) => {
    const targets = discovered(sites.names(), { ...sites, telemetryPath, host: request.headers.host });
    if (targets === undefined) return answer(response, 400, 'The header Host is missing, or is no address.\n');
    answer(response, 200, `${JSON.stringify(targets)}\n`, 'application/json');
  });
  const { reload } = sites;
  if (reload !== undefined) {
    app.route('/-/reload').all(only('POST'), guard, async (_request, response) => {
      const trouble = await reload();
      if (trouble === undefined) answer(response, 200, 'The file of organizations was read again.\n');
      else answer(response, 500, `The file of organizations cannot be used: ${trouble}\n`);
    });
  }
  app.use('/organizations/:name', (request: Request<{ name: string }>, response, next) => {
    const { name } = request.params;
    const site = sites.site(name);
    if (site === undefined || !isBelow(request, name)) return next();
    return routerOf(site, name)(request, response, next);
  });
  // Which names there are is told to those alone who may ask.
  app.use('/organizations/:name', guard, (request: Request<{ name: string }>, response, next) => {
    const { name } = request.params;
    if (sites.site(name) === undefined || isBelow(request, name)) return next();
    // Links on the page begin at its folder.
    response.setHeader('Location', `./${name}/`);
    answer(response, 308, `See ./${name}/\n`);
  });
}

/** Reports whether a request is for something of an organization, and not for its folder without the slash. */
function isBelow({ originalUrl }: Pick<Request, 'originalUrl'>, name: string): boolean {
  return originalUrl.split('?')[0] !== `/organizations/${name}`;
}

function scrapeHandler({ page, further = [], own }: Site, { maxRequests, onRejected, clock, log }: AppOptions) {
  const slots = createSlots(maxRequests, clock, (after) => {
    log.warn('a scrape was cut off: its reader was too slow', { seconds: after / 1_000 });
  });
  return async (request: Request, response: Response) => {
    // Gone while it was being authorized.
    if (response.destroyed) return;
    if (!slots.take(response)) {
      onRejected(request.socket.remoteAddress);
      response.setHeader('Retry-After', '1');
      answer(response, 503, `Too many scrapes at once (--web.max-requests is ${maxRequests}).\n`);
      return;
    }
    await sendExposition(request, response, { pages: [page, ...further], own });
  };
}

const readOnly = only('GET', 'HEAD');

/** Turns other methods away. */
function only(...methods: readonly string[]): Handler {
  return (request: Request, response: Response, next: NextFunction) => {
    if (methods.includes(request.method)) {
      next();
      return;
    }
    response.setHeader('Allow', methods.join(', '));
    const all = methods.length === 1 ? `Only ${methods[0]} is` : `Only ${methods.join(' and ')} are`;
    answer(response, 405, `${all} answered here.\n`);
  };
}

function postOnly(_request: Request, response: Response): void {
  response.setHeader('Allow', 'POST');
  answer(response, 405, 'Only POST is answered here.\n');
}

function answer(
  response: ServerResponse,
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

/** Returns a function that gives the result of `make`: of the one of this choice that is under way, if one is. */
function createShared<T>(make: (choice: string) => Promise<T>): (choice: string) => Promise<T> {
  const underWay = new Map<string, Promise<T>>();
  return (choice) => {
    const known = underWay.get(choice);
    if (known !== undefined) return known;
    const made = make(choice).finally(() => underWay.delete(choice));
    underWay.set(choice, made);
    return made;
  };
}
