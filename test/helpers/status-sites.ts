/** Exporters of four organizations, by virtual clocks, whose status pages a browser can visit. */
import { ownText } from '../../src/metrics/own-text.ts';
import { statusOf } from '../../src/reader/make-status.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import type { FaultRule } from './faults.ts';
import { type Asked, rowsClient } from './rows-client.ts';
import { type RunningExporter, runExporter, runSimulated } from './running-exporter.ts';
import { startWebServer } from './web-server.ts';

export interface Site {
  readonly url: string;
  /** Lets the exporter's time pass. */
  minutes(count: number): Promise<void>;
  /** Takes the server away. */
  stop(): Promise<void>;
  end(): Promise<void>;
}

const minute = 60_000;
/** Late in the evening: all hours of the day have been read, however late the exporter began. */
const evening = '2026-11-20T23:18:00Z';
const historyDays = 62;

/** The demonstration's organization, as its own exporter would show it. */
export async function healthySite(): Promise<Site> {
  return await simulatedSite([], 14);
}

async function simulatedSite(faults: readonly FaultRule[], minutes: number): Promise<Site> {
  const createdAt = Date.parse('2026-11-20T00:00:00Z') / 1_000 - historyDays * 86_400;
  const running = runSimulated({
    organization: createOrganization({ seed: 1, createdAt, profile: 'demo' }),
    start: evening,
    latency: 50,
    flags: [
      '--names.refresh=10m',
      '--budget.monthly=7500',
      '--budget.monthly-project=proj_search=1600,proj_support=3000',
    ],
    faults,
  });
  await running.minutes(minutes);
  return await serve(running, true);
}

/** Everything answers, and nothing was ever used. */
export async function emptySite(): Promise<Site> {
  return await siteOf(runExporter({ start: evening, client: rowsClient(() => []) }));
}

/** The same organization, but a part of the API fails in one way and another since a few minutes ago. */
export async function failingSite(): Promise<Site> {
  const from = Date.parse(evening) + 12 * minute;
  const unreadable = { error: { message: 'You have insufficient permissions. Missing scopes: api.management.read.' } };
  return await simulatedSite(
    [
      { when: { api: 'costs', from }, fault: { kind: 'status', status: 403 } },
      { when: { api: 'embeddings', from }, fault: { kind: 'reset' } },
      { when: { api: 'completions', from }, fault: { kind: 'status', status: 503 } },
      { when: { api: 'users', from }, fault: { kind: 'status', status: 403, body: unreadable } },
      { when: { api: 'admin_api_keys', from }, fault: { kind: 'reset' } },
    ],
    25,
  );
}

/** Thousands of projects and models, with long names. */
export async function hugeSite(): Promise<Site> {
  return await siteOf(runExporter({ start: evening, client: rowsClient(someRows(2_000)) }), 4);
}

/** Rows of so many projects, each with a model of its own. */
function someRows(count: number): (asked: Asked) => readonly object[] {
  return ({ api, width }) => {
    if (api !== 'completions' && api !== 'costs') return [];
    // Minutes of so many would only take long.
    const many = width === '1m' ? Math.min(count, 50) : count;
    return Array.from({ length: many }, (_, index) => {
      const project_id = `proj_${String(index).padStart(4, '0')}_${'a-long-name'.repeat(4)}`;
      if (api === 'costs') {
        return { project_id, line_item: 'input', amount: { value: `${(many - index) / 7}`, currency: 'usd' } };
      }
      return {
        project_id,
        model: `ft:gpt-5-mini-2025-08-07:organization:${'suffix-'.repeat(3)}${index}`,
        input_tokens: (many - index) * 1_000,
        output_tokens: many - index,
        num_model_requests: many - index,
      };
    });
  };
}

async function siteOf(running: RunningExporter, minutes = 12): Promise<Site> {
  await running.minutes(minutes);
  return await serve(running, false);
}

async function serve({ exporter, shown, clock, minutes, end }: RunningExporter, simulated: boolean): Promise<Site> {
  const { server, port } = await startWebServer({
    page: shown,
    own: async () => [ownText(await exporter.self.text())],
    status: () =>
      statusOf({
        exporter,
        version: '0.1.0',
        revision: 'test',
        simulated,
        startedAt: Date.parse(evening),
        now: clock.now(),
      }),
    ready: exporter.ready,
  });
  return {
    url: `http://127.0.0.1:${port}/`,
    minutes,
    stop: () => server.stop(0),
    async end() {
      await server.stop(0);
      await end();
    },
  };
}
