/** The routes: who may ask what, by which method, and what is answered. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response, type Router } from 'express';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { type OrganizationsStatus, type Status, StatusUnavailable } from '../status.ts';
import { answer } from './answer.ts';
import { createDirectRoutes, type DirectSite, pathOf } from './direct-routes.ts';
import { discovered } from './discovery.ts';
import { createGuard, type GuardOptions } from './guard.ts';
import { livePaths } from './live-routes.ts';
import { orderIn, organizationsPage } from './organizations-page.ts';
import { refreshScript } from './refresh.ts';
import { createSlots } from './slots.ts';
import { assetPaths, type Place, statusPage, statusPolicy } from './status-page.ts';
import { styleSheet } from './style.ts';

/** The data shown of one organization, or of several together, whose page is empty. */
export interface Site extends DirectSite {
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

export interface AppOptions extends Site, GuardOptions {
  /** Several organizations; absent where there is only one. */
  readonly sites?: Sites;
  /** Every api was tried once. */
  readonly ready: () => boolean;
  /** Scrapes at once, and status pages at once; further ones get 503. */
  readonly maxRequests: number;
  readonly telemetryPath: string;
  /** Headers of every answer; they replace ours of the same name. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** A scrape was turned away because of `maxRequests`. */
  readonly onRejected: (address: string | undefined) => void;
  readonly log: Logger;
  /** The wall's clock: a demonstration's clock would make its limits of time too short. */
  readonly clock: Clock;
}

const closedPolicy = "default-src 'none'; frame-ancestors 'none'";

const noHeaders: NonNullable<AppOptions['headers']> = () => ({});

/** The routes as a handler of requests. It starts nothing; what a route throws is logged and answered with 500. */
export function createApp(options: AppOptions): RequestListener {
  const { sites, delay = () => 0, refuse = () => {}, headers = noHeaders, log } = options;
  const enters = createGuard(options);
  const site = (name: string) => sites?.site(name);
  const directly = createDirectRoutes({ ...options, delay, refuse, root: options, site, guard: enters });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);

  const guard: Handler = async (request, response, next) => {
    if (await enters(request, response)) next();
  };
  const get = (path: string, ...handlers: Handler[]) => app.route(path).all(readOnly, ...handlers);

  get('/-/healthy', (_request, response) => answer(response, 200, 'healthy\n'));
  get('/-/ready', (_request, response) => {
    if (options.ready()) answer(response, 200, 'ready\n');
    else answer(response, 503, 'not ready: not every api has been tried once\n');
  });
  addSite(app, options, options, { root: '.' }, guard);
  if (sites !== undefined) addSites(app, sites, options, guard);
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
    const direct = directly(request);
    // Only reports are read; another body that comes ends with its connection, however long it is.
    if ((direct === undefined || request.method !== 'POST') && hasBody(request)) {
      response.setHeader('Connection', 'close');
    }
    if (direct !== undefined) {
      direct(request, response).catch((error: unknown) => failed(error, request, response));
      return;
    }
    app(request, response);
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

type Handler = (request: Request, response: Response, next: NextFunction) => unknown;

/**
 * Adds the routes of a site: its status page, and that as JSON. Of those that are answered directly, only requests by
 * another method come here, which are turned away.
 * @param place where they are
 * @param guard asked at each of the others
 */
function addSite(
  to: Router,
  site: Site,
  options: AppOptions,
  place: Omit<Place, 'telemetryPath'>,
  guard: Handler,
): void {
  const { maxRequests, telemetryPath, headers = noHeaders, refuse = () => {}, clock } = options;
  if (site.live !== undefined) for (const path of Object.values(livePaths)) to.route(path).all(only('POST'));
  to.route(telemetryPath).all(readOnly);
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
