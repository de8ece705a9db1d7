/**
 * The reading threads of several organizations as the serving thread has them: one each, which share nothing. The list
 * can be exchanged at any time; those that are the same in both lists do not notice.
 */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import type { PriceEntry } from '../estimate/prices.ts';
import { type Logger, withFields } from '../log.ts';
import { createReaderMetrics } from '../metrics/self-reader.ts';
import type { Organization } from '../settings/settings.ts';
import type { ShownHour } from '../usage/recent.ts';
import { createReader, type Reader, type ReaderOptions } from './reader.ts';
import type { Starts } from './starts.ts';

/** An organization that is to be read, and whose thread has not been told to end. */
export interface RunningOrganization<Beside = unknown> {
  readonly name: string;
  readonly reader: Reader;
  /** The thread that runs beside its reading thread, from its first start to its end. */
  readonly beside: Beside | undefined;
  /** Returns the serving thread's metrics of the reading thread. */
  ownText(): Promise<string>;
}

/** Names of organizations. */
export interface Changes {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** Something that runs until the signal is aborted. */
interface Runs {
  run(signal: AbortSignal): Promise<void>;
  /** Takes the hours whose usage is on show. */
  showsHours?(hours: readonly ShownHour[]): void;
  /** Takes the prices that estimates go by. */
  goBy?(prices: readonly PriceEntry[]): void;
}

/** `Beside`: what runs beside the reading thread of each. */
export interface Organizations<Beside extends Runs = Runs> {
  /** The organizations in the order of the list. */
  running(): ReadonlyMap<string, RunningOrganization<Beside>>;
  /** Starts what is new, ends what is gone, and starts anew what has changed. */
  apply(list: readonly Organization[]): Changes;
  /** Reports whether every organization was tried once, or has had its time for that. Once true, it stays so. */
  ready(): boolean;
  /** Reports whether a thread could not be ended. */
  isStuck(): boolean;
  /** Keeps them running until the signal is aborted, and resolves when all have ended. */
  run(signal: AbortSignal): Promise<void>;
}

export interface OrganizationsOptions<Beside extends Runs> {
  /** Starts a thread. @param number its place in the list when it was added, from 0 */
  readonly spawn: (organization: Organization, number: number) => Worker;
  readonly clock: Clock;
  readonly log: Logger;
  readonly writeLine: (line: string) => void;
  /** UTC milliseconds. */
  readonly processStart: number;
  /** Called with each organization that is new, and with its logger. */
  readonly starting?: (organization: Organization, log: Logger) => void;
  /** Makes what runs beside the reading thread of one that is new; nothing does without it. */
  readonly beside?: ((organization: Organization, number: number, log: Logger) => Beside) | undefined;
  /** Gives each reading thread a turn for its start; without it, all start at once. */
  readonly starts?: Starts;
  /** Limits that differ from the usual ones. */
  readonly limits?: ReaderOptions['limits'];
}

interface Entry<Beside> extends RunningOrganization<Beside> {
  /** Takes effect with the next start of the thread. */
  organization: Organization;
  readonly stop: AbortController;
  /** Monotonic milliseconds: the first start of its thread. */
  begun: number | undefined;
}

/** Milliseconds for which an organization whose thread runs, but was not tried yet, holds up the readiness of all. */
const patience = 60_000;

/** None runs before `apply` names one. */
export function createOrganizations<Beside extends Runs>(options: OrganizationsOptions<Beside>): Organizations<Beside> {
  const { spawn, clock, log, writeLine, processStart, starting = () => {}, beside, starts, limits } = options;
  let running = new Map<string, Entry<Beside>>();
  /** Promises by name, each of which resolves when the thread has ended that an organization of the name had. */
  const ends = new Map<string, Promise<void>>();
  let number = 0;
  let wasReady = false;
  let stuck = false;

  function start(organization: Organization): Entry<Beside> {
    const { name } = organization;
    const place = number++;
    const metrics = createReaderMetrics({ processStart });
    const own = withFields(log, { organization: name });
    starting(organization, own);
    const stop = new AbortController();
    const reader = createReader({
      spawn() {
        entry.begun ??= clock.monotonic();
        return spawn(entry.organization, place);
      },
      clock,
      log: own,
      writeLine,
      restarting: metrics.restarted,
      showsHours: (hours) => entry.beside?.showsHours?.(hours),
      goesBy: (prices) => entry.beside?.goBy?.(prices),
      starts,
      // One whose thread dies again and again is down by itself.
      limits: { ...limits, deaths: Number.POSITIVE_INFINITY },
    });
    const entry: Entry<Beside> = {
      ...{ name, organization, reader, stop, begun: undefined },
      beside: beside?.(organization, place, own),
      ownText: metrics.text,
    };
    const before = ends.get(name);
    const end = run(entry, before, own);
    ends.set(name, end);
    void end.then(() => {
      if (ends.get(name) === end) ends.delete(name);
    });
    return entry;
  }

  /** Runs one organization to its end, once an earlier one of its name, which has its state file, has ended. */
  async function run(
    { reader, beside, stop }: Entry<Beside>,
    before: Promise<void> | undefined,
    own: Logger,
  ): Promise<void> {
    await before;
    try {
      await Promise.all([reader.run(stop.signal), beside?.run(stop.signal)]);
    } catch (error) {
      own.error('the thread of this organization cannot be kept running; a change of its settings tries again', {
        error,
      });
    }
    if (!reader.isStuck()) return;
    stuck = true;
    own.error('the thread of this organization does not end, perhaps because a disk does not answer');
  }

  return {
    running: () => running,
    isStuck: () => stuck || [...running.values()].some(({ reader }) => reader.isStuck()),
    apply(list) {
      const next = new Map<string, Entry<Beside>>();
      const added: string[] = [];
      const changed: string[] = [];
      for (const organization of list) {
        const { name } = organization;
        const known = running.get(name);
        if (known === undefined) added.push(name);
        else if (!isSame(known.organization, organization)) {
          changed.push(name);
          known.organization = organization;
          known.reader.restart();
        }
        next.set(name, known ?? start(organization));
      }
      const removed = [...running.values()].filter(({ name }) => !next.has(name));
      for (const { stop } of removed) stop.abort();
      running = next;
      return { added, removed: removed.map(({ name }) => name), changed };
    },
    ready() {
      const now = clock.monotonic();
      wasReady ||= [...running.values()].every(
        ({ reader, begun = now }) => reader.ready() || reader.up() === false || now - begun >= patience,
      );
      return wasReady;
    },
    async run(signal) {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      for (const { stop } of running.values()) stop.abort();
      await Promise.all(ends.values());
    },
  };
}

function isSame(one: Organization, other: Organization): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
