/** Puts together what names and limits need: what is known of them, who reads them, and their sections of the page. */
import type { Clock } from '../clock.ts';
import { Directory } from '../inventory/directory.ts';
import { decodeNames, encodeNames } from '../inventory/kept-names.ts';
import { Limits } from '../inventory/limits.ts';
import { createNamesPoller, type ListStatus, type NamesPoller } from '../inventory/list-poller.ts';
import type { Logger } from '../log.ts';
import type { Changes } from '../metrics/changes.ts';
import { type Groups, IdsOnPage } from '../metrics/ids-on-page.ts';
import { limitsSection, limitsSectionName } from '../metrics/limits-section.ts';
import { namedDimensions, namesSection, namesSectionName } from '../metrics/names-section.ts';
import type { Section } from '../metrics/section.ts';
import type { SelfMetrics, SelfSourcePolls } from '../metrics/self.ts';
import type { Endpoint } from '../openai/catalogue.ts';
import { listApis } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import type { PageSizes } from '../openai/read-buckets.ts';
import type { FailureLog } from '../poll/failure-log.ts';
import type { Settings } from '../settings/settings.ts';

export interface NamesOptions {
  readonly settings: Pick<Settings, 'poll' | 'series' | 'names' | 'budget'>;
  /** The apis that are polled. */
  readonly apis: readonly Endpoint[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly failureLog: FailureLog;
  /** The names that an earlier process knew, and the place where this one leaves what it knows. */
  readonly memory?: { readonly earlierNames?: Uint8Array | undefined; keepNames?(names: Uint8Array): void } | undefined;
  readonly changes: Pick<Changes, 'note'>;
  /** Sizes of the pages that polls read. */
  readonly sizes: PageSizes;
}

/** Milliseconds between two times that names are kept: in a large organization there are many, and lists come one by one. */
const keptEvery = 10_000;

/** The state of the reading of one kind of list, before it has begun, too. */
export type NamesList = SelfSourcePolls & Pick<ListStatus, 'failure'>;

export interface NamesParts {
  /** The same section; the ids that it shows are given names. */
  watch(section: Section, shown: () => readonly Groups[]): Section;
  readonly directory: Directory;
  readonly limits: Limits;
  /** Rows of the bucket that starts at `at` have said whose they are. */
  organizationNamed(id: string, name: string | null, at: number): void;
  /** The sections of names and limits, rendered after all that are watched. */
  readonly sections: readonly Section[];
  /** Empty where names and limits are turned off. */
  readonly lists: readonly NamesList[];
  /** Leaves the names to the next process, if they have changed; not too often, unless it is the last time. */
  keep(last: boolean): void;
  /** Reads names and limits until the signal is aborted; then rejects with its reason. */
  run(client: Client, self: Pick<SelfMetrics, 'polled' | 'malformed' | 'changed'>, signal: AbortSignal): Promise<void>;
}

/** Budgets are of projects too, whether these have usage or not. */
function budgetedProjects({ monthlyByProject }: Settings['budget']): Groups {
  return {
    dimensions: ['project_id'],
    size: monthlyByProject.length,
    values: (index) => [monthlyByProject[index]?.[0] ?? ''],
  };
}

/** Puts together what reads names and limits and what shows them. Nothing is asked before `run`. */
export function createNames(options: NamesOptions): NamesParts {
  const { settings, apis, clock, log, failureLog, memory, changes, sizes } = options;
  const { refresh, userEmail, allRateLimits } = settings.names;
  const onPage = new IdsOnPage(namedDimensions, [budgetedProjects(settings.budget)]);
  // Two tables of groups for each api at the most, a period's and that of the one before: no more ids can be shown.
  const directory = new Directory(2 * (apis.length + 1) * (settings.series.maxGroups + 2), clock);
  if (memory?.earlierNames !== undefined) directory.recall(decodeNames(memory.earlierNames));
  let kept = { version: directory.version, at: Number.NEGATIVE_INFINITY };
  const limits = new Limits();
  let poller: NamesPoller | undefined;

  return {
    directory,
    limits,
    watch: (section, shown) => onPage.watch(section, shown),
    organizationNamed(id, name, at) {
      const before = directory.version;
      directory.takeOrganization(id, name, at);
      if (directory.version !== before) changes.note(namesSectionName);
    },
    sections: [
      namesSection({ directory, onPage, userEmail }),
      ...(refresh === 0 ? [] : [limitsSection({ limits, allRateLimits })]),
    ],
    lists:
      refresh === 0
        ? []
        : listApis.map((api) => {
            const status = () => poller?.lists.find((list) => list.api === api);
            return {
              api,
              up: () => status()?.up(),
              lastSuccess: () => status()?.lastSuccess(),
              pollDuration: () => status()?.duration(),
              failure: () => status()?.failure(),
            };
          }),
    keep(last) {
      const { version } = directory;
      if (memory?.keepNames === undefined || version === kept.version) return;
      if (!last && clock.monotonic() - kept.at < keptEvery) return;
      kept = { version, at: clock.monotonic() };
      memory.keepNames(encodeNames(directory.toKeep()));
    },
    async run(client, self, signal) {
      if (refresh === 0) return;
      let seen = { directory: 0, limits: 0 };
      poller = createNamesPoller({
        directory,
        limits,
        client,
        clock,
        log,
        failureLog,
        refresh,
        allRateLimits,
        apisByModel: apis.filter(({ dimensions }) => dimensions.includes('model')),
        filters: settings.poll.filters,
        sizes,
        groupBy: settings.poll.groupBy,
        isUsed: (projectId) => onPage.values('project_id').has(projectId),
        report: { polled: self.polled, late: self.changed, malformed: self.malformed },
        changed() {
          if (directory.version !== seen.directory) changes.note(namesSectionName);
          if (limits.version !== seen.limits) changes.note(limitsSectionName);
          seen = { directory: directory.version, limits: limits.version };
        },
      });
      await poller.run(signal);
    },
  };
}
