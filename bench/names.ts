/**
 * Names and limits of a large organization: 500 projects, 5,000 keys, 1,000 users, 400 rate limits in each project.
 * Lives some simulated hours with the real client, poller and page, with names and limits and without, and says what
 * they cost: memory, stretches in which the event loop is blocked, requests, delay of polls, and how long a round takes.
 * Run it with Node 24: `node --expose-gc bench/names.ts`.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { listApis } from '../src/openai/catalogue.ts';
import { createExporter } from '../src/reader/exporter.ts';
import { createOrganization } from '../src/simulation/organization.ts';
import { customProfile } from '../src/simulation/profile.ts';
import { demoSettings } from '../test/helpers/demo-settings.ts';
import { silentLogger } from '../test/helpers/silent-logger.ts';
import { simulatedClient } from '../test/helpers/simulated-client.ts';
import { SimulatedDispatcher } from '../test/helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../test/helpers/virtual-clock.ts';

const [projects, keys, users, limitsEach] = [500, 5_000, 1_000, 400];
const start = Date.UTC(2026, 4, 15, 9, 7, 3);
const hour = 3_600_000;
const hours = 6;

interface Result {
  readonly heapMb: number;
  readonly longestMs: number;
  readonly mostInMinute: number;
  readonly latestPollMs: number;
  readonly limitsReadAfterH: number | null;
  readonly requests: number;
  readonly series: number;
  readonly seconds: number;
}

declare global {
  namespace NodeJS {
    interface Process {
      /** The processor time of this thread; Node has it since 23.9. */
      threadCpuUsage(): CpuUsage;
    }
  }
}

/** Milliseconds that this thread has worked: others on the machine do not count. */
function worked(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Counts what runs between two turns of the event loop, without what the simulated API does in it. */
class Stretches {
  longest = 0;
  #simulated = 0;
  #last = worked();
  #running = true;

  watch(): void {
    const now = worked();
    this.longest = Math.max(this.longest, now - this.#last - this.#simulated);
    this.#last = now;
    this.#simulated = 0;
    if (this.#running) setImmediate(() => this.watch()).unref();
  }

  simulated<T>(run: () => T): T {
    const begun = worked();
    try {
      return run();
    } finally {
      this.#simulated += worked() - begun;
    }
  }

  stop(): void {
    this.#running = false;
  }
}

async function measure(withNames: boolean): Promise<Result> {
  const profile = customProfile(1, {
    groups: 2_000,
    apis: ['completions'],
    projects,
    models: 4,
    activity: 0.002,
    rhythm: false,
  });
  const models = Array.from({ length: limitsEach }, (_, i) =>
    i < 4 ? ['gpt-5', 'gpt-4o-mini', 'gpt-4o', 'o3'][i] : `model-${i}`,
  );
  const limits = models.map((model = '', i) => ({
    model,
    max_requests_per_1_minute: 500 + i,
    max_tokens_per_1_minute: 30_000 + i,
    ...(i % 3 === 0 ? { batch_1_day_max_input_tokens: 90_000 + i } : {}),
  }));
  const organization = createOrganization({
    seed: 1,
    createdAt: start / 1_000 - 3 * 86_400,
    profile: {
      ...profile,
      directory: {
        ...profile.directory,
        keys: Array.from({ length: keys }, (_, i) => ({
          id: `key_${i}`,
          name: `the key number ${i}`,
          projectId: `proj_${i % projects}`,
          ownerId: `user-${i % users}`,
        })),
        users: Array.from({ length: users }, (_, i) => ({
          id: `user-${i}`,
          name: `User Number ${i}`,
          email: `user.number.${i}@example.com`,
          role: 'reader' as const,
        })),
        rateLimits: new Map(profile.directory.projects.map(({ id }) => [id, limits])),
        spendLimits: new Map(
          profile.directory.projects.map(({ id }) => [id, { threshold: 10_000, status: 'inactive' as const }]),
        ),
      },
    },
  });
  const stretches = new Stretches();
  const clock = createVirtualClock({ start });
  const dispatcher = new SimulatedDispatcher({ organization, clock, latency: 150 });
  const dispatch = dispatcher.dispatch.bind(dispatcher);
  dispatcher.dispatch = (...given) => stretches.simulated(() => dispatch(...given));
  const flags = ['--poll.apis=completions', ...(withNames ? [] : ['--names.refresh=0'])];
  const exporter = createExporter({
    settings: demoSettings(flags),
    clock,
    log: silentLogger,
    version: '0',
    revision: '0',
    show: () => {},
    client: (observer) => simulatedClient({ dispatcher, clock, observer }),
  });
  const stop = new AbortController();
  const run = exporter.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });

  const begun = performance.now();
  stretches.watch();
  const sent: number[] = [];
  const read = new Map<string, number>();
  let latestPollMs = 0;
  for (let quarter = 1; quarter <= 4 * hours; quarter++) {
    await clock.advance(hour / 4);
    for (const { api = '', path, query, receivedAt } of dispatcher.requests) {
      const isPoll = !listApis.some((name) => name === api) && !isModelsInUse(query);
      if (!isPoll) sent.push(receivedAt);
      // Completions come first in the catalogue, so their turn is on the minute.
      if (isPoll && query.get('bucket_width') === '1m' && receivedAt > start + hour / 4) {
        latestPollMs = Math.max(latestPollMs, receivedAt % 60_000);
      }
      const cursor = query.get('after') ?? '';
      if (/rate_limits|spend_/.test(path)) read.set(`${path} ${cursor}`, read.get(`${path} ${cursor}`) ?? receivedAt);
    }
    dispatcher.forget();
  }
  stretches.stop();
  const seconds = (performance.now() - begun) / 1_000;
  const perProject = 2 + limitsEach / 100;
  const allRead = read.size >= projects * perProject;
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  const series = exporter.series();
  stop.abort();
  await clock.drain();
  await run;
  return {
    heapMb: (heapUsed + external) / 1e6,
    longestMs: stretches.longest,
    mostInMinute: mostWithin(sent, 60_000),
    latestPollMs,
    limitsReadAfterH: allRead ? (Math.max(...read.values()) - start) / hour : null,
    requests: sent.length,
    series,
    seconds,
  };
}

function isModelsInUse(query: URLSearchParams): boolean {
  return query.get('bucket_width') === '1d' && query.getAll('group_by[]').join() === 'project_id,model';
}

function mostWithin(instants: readonly number[], span: number): number {
  let from = 0;
  let most = 0;
  for (const [index, instant] of instants.entries()) {
    while (instant - (instants[from] ?? 0) >= span) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

const [mode] = process.argv.slice(2);
if (mode === 'with' || mode === 'without') {
  process.stdout.write(JSON.stringify(await measure(mode === 'with')));
} else {
  const of = (which: string): Result =>
    JSON.parse(
      execFileSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), which], { encoding: 'utf8' }),
    );
  const without = of('without');
  const withNames = of('with');
  console.table({ without, with: withNames });
  console.log(`memory growth: ${(withNames.heapMb - without.heapMb).toFixed(1)} MB`);
}
