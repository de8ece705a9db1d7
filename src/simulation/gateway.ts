/**
 * The gateway of a simulated organization: reports each response as it happens, as a real one does, for all projects but
 * those that go past it. What it reports of a span adds up to what the organization really used in it.
 */
import { type Endpoint, endpoints } from '../openai/catalogue.ts';
import type { Organization, TruthRow } from './organization.ts';

export interface GatewayOptions {
  readonly organization: Organization;
  /** Projects that ask OpenAI directly, so that nobody reports their usage. */
  readonly bypassedBy: readonly string[];
  /** The team of a project, as a label. */
  readonly teamOf?: (projectId: string) => string | undefined;
}

/** A report in its envelope, as `POST /api/live` takes it. */
export type SimulatedReport = Readonly<Record<string, unknown>>;

/** The project of the demonstration that goes past the gateway. */
export const demoBypass: readonly string[] = ['proj_research'];

const demoTeams: Readonly<Record<string, string>> = {
  proj_search: 'discovery',
  proj_support: 'customers',
  proj_mobile: 'customers',
  proj_documents: 'back-office',
};

/** The team of a project of the demonstration. */
export function demoTeamOf(projectId: string): string | undefined {
  return demoTeams[projectId];
}

/** Labels that a report has, as far as an api has them. */
const labelNames: readonly string[] = ['project_id', 'user_id', 'api_key_id', 'model', 'service_tier', 'batch'];

/** Reports of a group in a minute, at the most: each is of several requests. */
const mostInMinute = 6;
const minuteSeconds = 60;

/** @returns a function that gives the reports of [from, to), in whole seconds */
export function createGateway(options: GatewayOptions): (from: number, to: number) => readonly SimulatedReport[] {
  const { organization } = options;
  const reported = endpoints.filter(({ kind, api, fields }) => {
    return kind === 'usage' && organization.activeApis.includes(api) && fields.every((field) => field.kind === 'flow');
  });
  return (from, to) => {
    const reports: SimulatedReport[] = [];
    for (let minute = from - (from % minuteSeconds); minute < to; minute += minuteSeconds) {
      for (const endpoint of reported) {
        const groupBy = endpoint.dimensions.filter((name) => labelNames.includes(name));
        const span = { from: minute, to: minute + minuteSeconds };
        const rows = organization.truth.usage(endpoint.api, span, { groupBy, restated: false });
        for (const row of rows) reports.push(...reportsOf({ endpoint, groupBy, row, minute, from, to }, options));
      }
    }
    return reports;
  };
}

interface Minute {
  readonly endpoint: Endpoint;
  readonly groupBy: readonly string[];
  readonly row: TruthRow;
  readonly minute: number;
  readonly from: number;
  readonly to: number;
}

/** Reports of what a group used in a minute, spread over the seconds of it. */
function reportsOf(
  { endpoint, groupBy, row, minute, from, to }: Minute,
  { bypassedBy, teamOf }: GatewayOptions,
): readonly SimulatedReport[] {
  const labels: Record<string, unknown> = Object.fromEntries(groupBy.map((name, at) => [name, row.labels[at]]));
  const project = labels['project_id'];
  if (typeof project === 'string' && bypassedBy.includes(project)) return [];
  const team = typeof project === 'string' ? teamOf?.(project) : undefined;
  const most = row.fields.get('num_model_requests') ?? Math.max(...row.fields.values());
  const count = Math.max(1, Math.min(mostInMinute, Math.floor(most)));
  const reports: SimulatedReport[] = [];
  for (let part = 0; part < count; part++) {
    const created = minute + Math.floor(((part + 0.5) * minuteSeconds) / count);
    if (created < from || created >= to) continue;
    const share = (name: string) => {
      const value = row.fields.get(name) ?? 0;
      return Math.floor((value * (part + 1)) / count) - Math.floor((value * part) / count);
    };
    const record = usageOf(endpoint, row, share);
    reports.push({ api: endpoint.api, created, labels: team === undefined ? labels : { ...labels, team }, record });
  }
  return reports;
}

/** A usage object as the Responses API has it where the api counts tokens, and the bare counts where it does not. */
function usageOf(endpoint: Endpoint, row: TruthRow, share: (name: string) => number): SimulatedReport {
  const requests = row.fields.has('num_model_requests') ? { requests: share('num_model_requests') } : {};
  if (!endpoint.fields.some(({ name }) => name === 'input_tokens')) {
    const names = endpoint.fields.map(({ name }) => name).filter((name) => name !== 'num_model_requests');
    return { ...requests, ...Object.fromEntries(names.map((name) => [name, share(name)])) };
  }
  return {
    ...requests,
    input_tokens: share('input_tokens'),
    output_tokens: share('output_tokens'),
    input_tokens_details: {
      cached_tokens: share('input_cached_tokens'),
      cache_write_tokens: share('input_cache_write_tokens'),
      cache_write_tokens_details: {
        ttl_30m_tokens: share('input_cache_write_30m_tokens'),
        ttl_12h_tokens: share('input_cache_write_12h_tokens'),
      },
    },
    output_tokens_details: { audio_tokens: share('output_audio_tokens') },
  };
}
