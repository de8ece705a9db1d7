/** Puts together what the web server shows: one organization at its root, or several below it. */
import type { Clock } from '../clock.ts';
import type { LiveThread } from '../live/live-thread.ts';
import { type OwnText, ownText } from '../metrics/own-text.ts';
import { emptyPage } from '../metrics/page.ts';
import type { ReaderMetrics } from '../metrics/self-reader.ts';
import type { ServingMetrics } from '../metrics/self-serving.ts';
import type { Organizations, RunningOrganization } from '../reader/organizations.ts';
import type { Reader } from '../reader/reader.ts';
import type { OrganizationsStatus } from '../status.ts';
import type { Site, Sites } from '../web/app.ts';
import type { CheckReporter } from '../web/bearer-token.ts';
import type { Reloads } from './reload.ts';

export interface Served {
  readonly site: Site;
  /** Several organizations; absent where there is only one. */
  readonly sites?: Omit<Sites, 'externalUrl' | 'secure'>;
  ready(): boolean;
  /** Resolves once all that is served has ended, after the signal was aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** The thread that takes live usage, and who may report. */
export interface LiveUsage {
  readonly thread: LiveThread;
  readonly isAllowed: CheckReporter;
}

export interface OneOptions {
  readonly reader: Reader;
  readonly readerMetrics: ReaderMetrics;
  readonly metrics: ServingMetrics;
  readonly live: LiveUsage | undefined;
}

export function serveOne({ reader, readerMetrics, metrics, live }: OneOptions): Served {
  const own = ownTexts(reader, async () => `${await readerMetrics.text()}${await metrics.text()}`);
  return {
    site: siteOf(reader, own, live),
    ready: reader.ready,
    async run(signal) {
      await Promise.all([reader.run(signal), live?.thread.run(signal)]);
    },
  };
}

function siteOf({ page, status }: Reader, own: Site['own'], live: LiveUsage | undefined): Site {
  if (live === undefined) return { page, status, own };
  const { thread, isAllowed } = live;
  return {
    page,
    further: [thread.page],
    own,
    live: { isAllowed, report: thread.report, refused: thread.refused },
    async status() {
      const told = thread.status();
      const of = await status();
      return told === undefined ? of : { ...of, live: told };
    },
  };
}

export interface SeveralOptions {
  readonly organizations: Organizations<LiveThread>;
  /** Finds out who may report live usage. */
  readonly isAllowed: CheckReporter;
  /** The reloads of the file; a demonstration has none. */
  readonly reloads?: Reloads;
  readonly metrics: ServingMetrics;
  readonly clock: Clock;
  readonly version: string;
  readonly revision: string;
}

export function serveSeveral(options: SeveralOptions): Served {
  const { organizations, isAllowed, reloads, metrics, clock, version, revision } = options;
  const startedAt = new Date(clock.now()).toISOString();
  /** Each goes with its organization. */
  const sites = new WeakMap<RunningOrganization, Site>();
  const status = (): OrganizationsStatus => ({
    version,
    revision,
    simulated: reloads === undefined,
    startedAt,
    now: new Date(clock.now()).toISOString(),
    reloadTrouble: reloads?.trouble() ?? null,
    organizations: [...organizations.running().values()].map(({ name, reader }) => ({
      name,
      path: `/organizations/${name}/`,
      up: reader.up() ?? null,
      summary: reader.summary() ?? null,
    })),
  });
  return {
    site: { page: { current: () => emptyPage }, own: ownTexts({ own: () => undefined }, metrics.text), status },
    sites: {
      names: () => organizations.running().keys(),
      site(name) {
        const running = organizations.running().get(name);
        if (running === undefined) return undefined;
        const { reader, ownText: text, beside } = running;
        const site =
          sites.get(running) ?? siteOf(reader, ownTexts(reader, text), beside && { thread: beside, isAllowed });
        sites.set(running, site);
        return site;
      },
      ...(reloads && { reload: reloads.soon }),
    },
    ready: organizations.ready,
    async run(signal) {
      await Promise.all([organizations.run(signal), reloads?.watch(signal)]);
    },
  };
}

/** The own metrics of both threads; those of the serving thread are compressed again only when they have changed. */
function ownTexts(reader: Pick<Reader, 'own'>, serving: () => Promise<string>): () => Promise<readonly OwnText[]> {
  let text: string | undefined;
  let made = ownText('');
  return async () => {
    const now = await serving();
    if (now !== text) made = ownText(now);
    text = now;
    const reading = reader.own();
    return reading === undefined ? [made] : [reading, made];
  };
}
