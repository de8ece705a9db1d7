import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { endpointOf, endpoints } from '../../src/openai/catalogue.ts';
import { simulatedKey } from '../../src/simulation/api.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { type SimulatedServer, startServer } from '../../src/simulation/simulated-server.ts';
import { createdAt, day, now, today } from './ask.ts';

const clock: Clock = { now: () => now, monotonic: () => 0, sleep: async () => {} };
const organization = createOrganization({ seed: 4, createdAt, profile: 'demo' });
let server: SimulatedServer;
let client: OpenAI;
let newClient: (adminKey: string) => OpenAI;

/** Holds what the client asks for. The types are held against the catalogue by the compiler, whatever Node runs it. */
const canRun = Number(process.versions.node.split('.')[0]) >= 22;
if (!canRun) process.stderr.write('The official client needs Node 22: it is not run here.\n');

beforeAll(async () => {
  if (!canRun) return;
  const { default: Client } = await import('openai');
  newClient = (adminAPIKey) => new Client({ adminAPIKey, apiKey: null, baseURL: server.url, maxRetries: 0 });
  server = await startServer({ organization, clock });
  client = newClient(simulatedKey);
});

afterAll(() => server?.close());

interface Page {
  readonly data: readonly { readonly start_time: number; readonly results: readonly object[] }[];
  readonly has_more: boolean;
  readonly next_page: string | null;
}

type Window = { start_time: number; end_time: number; limit: number; page?: string };

/** The client's method for each api. */
function reader(api: string): (query: Window) => Promise<Page> {
  const { usage } = client.admin.organization;
  switch (api) {
    case 'completions':
      return (query) => usage.completions({ ...query, group_by: ['project_id', 'model', 'batch', 'service_tier'] });
    case 'decisions':
      return (query) => usage.decisions({ ...query, group_by: ['model', 'service_tier', 'api_source'] });
    case 'embeddings':
      return (query) => usage.embeddings({ ...query, group_by: ['project_id', 'user_id', 'api_key_id', 'model'] });
    case 'moderations':
      return (query) => usage.moderations({ ...query, group_by: ['model'] });
    case 'images':
      return (query) => usage.images({ ...query, group_by: ['size', 'source'] });
    case 'audio_speeches':
      return (query) => usage.audioSpeeches({ ...query, group_by: ['model'] });
    case 'audio_transcriptions':
      return (query) => usage.audioTranscriptions({ ...query, group_by: ['model'] });
    case 'vector_stores':
      return (query) => usage.vectorStores({ ...query, group_by: ['project_id'] });
    case 'code_interpreter_sessions':
      return (query) => usage.codeInterpreterSessions({ ...query, group_by: ['project_id'] });
    case 'file_search_calls':
      return (query) => usage.fileSearchCalls({ ...query, group_by: ['vector_store_id'] });
    case 'web_search_calls':
      return (query) => usage.webSearchCalls({ ...query, group_by: ['context_level', 'api_source'] });
    case 'costs':
      return (query) => usage.costs({ ...query, group_by: ['line_item'] });
    case 'user_costs':
      return (query) => usage.costs({ ...query, group_by: ['user_id', 'line_item'] });
    default:
      throw new Error(`The client has no method for ${api}.`);
  }
}

async function readAll(api: string, limit: number) {
  const read = reader(api);
  const query = { start_time: today - 30 * day, end_time: today, limit };
  const buckets: Page['data'][number][] = [];
  let page: string | null = null;
  do {
    const one: Page = await read(page === null ? query : { ...query, page });
    buckets.push(...one.data);
    page = one.has_more ? one.next_page : null;
  } while (page !== null);
  return buckets;
}

const span = { from: today - 30 * day, to: today };

describe.skipIf(!canRun)('the official client reads', () => {
  test.each(endpoints.filter((endpoint) => endpoint.api !== 'costs').map((endpoint) => endpoint.api))(
    'usage: %s, page by page, and finds the truth',
    async (api) => {
      const buckets = await readAll(api, 12);
      expect(buckets).toHaveLength(30);
      const level = endpointOf(api)?.fields.some((field) => field.kind === 'level') ?? false;
      for (const { name } of endpointOf(api)?.fields ?? []) {
        const sum = (some: typeof buckets) =>
          some
            .flatMap((bucket) => bucket.results)
            .reduce((all, row) => all + Number(Object.entries(row).find(([key]) => key === name)?.[1] ?? 0), 0);
        // A level is not summed over time: its last day is that of the span.
        const got = sum(level ? buckets.slice(-1) : buckets);
        expect(got).toBe(organization.truth.sum(api, name, span, { at: now }));
      }
    },
  );

  test.each(['costs', 'user_costs'])('%s', async (api) => {
    const buckets = await readAll(api, 12);
    const rows = buckets.flatMap((bucket) => bucket.results);
    const got = rows.reduce((all, row) => {
      const amount: unknown = 'amount' in row ? row.amount : undefined;
      return all + (typeof amount === 'object' && amount !== null && 'value' in amount ? Number(amount.value) : 0);
    }, 0);
    const truth = organization.truth.costs(span, { at: now }).reduce((all, row) => all + (row.amount ?? 0n), 0n);
    expect(got).toBeCloseTo(Number(truth) / 1e28, 6);
    expect(got).toBeGreaterThan(1_000);
  });

  test('the lists, following their pages', async () => {
    const { projects, users, adminAPIKeys, spendLimit, spendAlerts } = client.admin.organization;
    const names: unknown[] = [];
    for await (const project of projects.list({ limit: 2, include_archived: true })) names.push(project.name);
    expect(names).toHaveLength(7);
    const keys: unknown[] = [];
    for await (const key of projects.apiKeys.list('proj_search', { limit: 1 })) keys.push(key.owner.type);
    expect(keys).toEqual(['service_account', 'service_account', 'user']);
    const models: unknown[] = [];
    for await (const limit of projects.rateLimits.listRateLimits('proj_search', { limit: 3 })) models.push(limit.model);
    expect(models).toHaveLength(12);
    expect((await projects.serviceAccounts.list('proj_search')).data[0]?.name).toBe('search-api');
    expect((await users.list({ limit: 3 })).has_more).toBe(true);
    expect((await adminAPIKeys.list()).data).toHaveLength(2);
    expect((await spendLimit.retrieve()).threshold_amount).toBe(1_500_000);
    expect((await spendAlerts.list()).data).toHaveLength(2);
    expect((await projects.spendAlerts.list('proj_support')).data).toHaveLength(1);
    await expect(projects.spendLimit.retrieve('proj_search')).rejects.toMatchObject({ status: 404 });
  });

  test('errors, in the words of the API', async () => {
    const stranger = newClient('sk-wrong');
    await expect(stranger.admin.organization.usage.costs({ start_time: today })).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    });
    expect(JSON.stringify(server.requests)).not.toContain('sk-');
  });
});
