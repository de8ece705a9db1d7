/**
 * The requests that do not pass the router, which would cost more than to answer them: scrapes, and reports of live
 * usage. Of one organization they are at the root, of several below the name of each.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { OwnText } from '../metrics/own-text.ts';
import type { PageSource } from '../metrics/page.ts';
import { answer, type Handle } from './answer.ts';
import type { Guard } from './guard.ts';
import { type Delay, type LiveRoutesOptions, reportTakers } from './live-routes.ts';
import { sendExposition } from './metrics-answer.ts';
import type { Refuse } from './refused-clients.ts';
import { createSlots } from './slots.ts';

/** What is scraped of one organization, or of the exporter alone, and who takes its reports. */
export interface DirectSite {
  readonly page: PageSource;
  /** Further pages that follow it. */
  readonly further?: readonly PageSource[];
  /** Takes live usage; without it there are no such routes. */
  readonly live?: LiveRoutesOptions;
  /** The exporter's own metrics in the text format; they follow the page. */
  readonly own: () => Promise<readonly OwnText[]>;
}

export interface DirectRoutesOptions {
  readonly root: DirectSite;
  /** Returns one of several organizations. */
  readonly site: (name: string) => DirectSite | undefined;
  readonly telemetryPath: string;
  /** Scrapes at once of each site; further ones get 503. */
  readonly maxRequests: number;
  /** Decides on each scrape; reports have a door of their own. */
  readonly guard: Guard;
  readonly delay: Delay;
  readonly refuse: Refuse;
  /** A scrape was turned away because of `maxRequests`. */
  readonly onRejected: (address: string | undefined) => void;
  readonly log: Logger;
  readonly clock: Clock;
}

interface SiteRoutes {
  readonly scrape: Handle;
  /** The paths at which reports are taken, and what takes them. */
  readonly reports: ReadonlyMap<string, Handle>;
}

/** Returns what finds out who answers a request; undefined where that is up to the router. */
export function createDirectRoutes(options: DirectRoutesOptions): (request: IncomingMessage) => Handle | undefined {
  const { root, site, telemetryPath, delay, refuse } = options;
  /** The routes of a site go with it. */
  const known = new WeakMap<DirectSite, SiteRoutes>();
  const routesOf = (of: DirectSite): SiteRoutes => {
    const before = known.get(of);
    if (before !== undefined) return before;
    const reports = of.live === undefined ? new Map() : reportTakers(of.live, { delay, refuse });
    const routes: SiteRoutes = { scrape: scrapeHandler(of, options), reports };
    known.set(of, routes);
    return routes;
  };
  return (request) => {
    const path = pathOf(request);
    const [, name, below = path] = /^\/organizations\/([^/]+)(\/.*)$/.exec(path) ?? [];
    const of = name === undefined ? root : site(decoded(name));
    if (of === undefined) return undefined;
    if (request.method === 'POST') return routesOf(of).reports.get(below);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    return isRead && below === telemetryPath ? routesOf(of).scrape : undefined;
  };
}

/** Returns the path of a request. A client that takes this for a proxy sends a whole address. */
export function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const [path = ''] = url.replace(/^https?:\/\/[^/?]*/i, '').split(/[?#]/, 1);
  return path;
}

/** Returns a part of a path without its escapes; as it is if one of them is broken, which names nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function scrapeHandler({ page, further = [], own }: DirectSite, options: DirectRoutesOptions): Handle {
  const { maxRequests, guard, onRejected, clock, log } = options;
  const pages = [page, ...further];
  const slots = createSlots(maxRequests, clock, (after) => {
    log.warn('a scrape was cut off: its reader was too slow', { seconds: after / 1_000 });
  });
  return async (request, response) => {
    // Gone, perhaps, while it was being authorized.
    if (!(await guard(request, response)) || response.destroyed) return;
    if (!slots.take(response)) {
      onRejected(request.socket.remoteAddress);
      response.setHeader('Retry-After', '1');
      answer(response, 503, `Too many scrapes at once (--web.max-requests is ${maxRequests}).\n`);
      return;
    }
    await sendExposition(request, response, { pages, own });
  };
}
