/**
 * How much of the rate limits was used, as the rules would have recorded it: the usage is the truth of the simulated
 * organization, the limits are those that the running demonstration knows.
 */
import { endpoints, type UsageEndpoint } from '../../src/openai/catalogue.ts';
import { escapeLabelValue, labelValue } from '../../src/usage/labels.ts';
import type { PastOptions, Tell } from './demo-past.ts';

/** Seconds before the end from which limits are told: minute by minute a month would take too long. */
const told = 86_400;
/** Seconds of which the busiest minute is recorded. */
const window = 300;

type Limit = 'tokens' | 'requests' | 'images';

/** The count of a row of an api towards a limit. */
function countedBy({ api, fields }: UsageEndpoint): Readonly<Partial<Record<Limit, readonly string[]>>> {
  const has = (name: string) => fields.some((field) => field.name === name);
  const tokens = ['input_tokens', 'output_tokens'].filter(has);
  return {
    ...(tokens.length > 0 ? { tokens } : {}),
    ...(has('num_model_requests') && !has('num_requests') ? { requests: ['num_model_requests'] } : {}),
    ...(api === 'images' ? { images: ['images'] } : {}),
  };
}

/** A limit of every project and model on the page, infinite where there is none. */
function readLimit(page: string, limit: Limit): ReadonlyMap<string, number> {
  const family = `openai_project_rate_limit_max_${limit}_per_1_minute`;
  const pattern = new RegExp(`^${family}\\{project_id="([^"]*)",model="([^"]*)"\\} (\\S+)$`, 'gm');
  return new Map(
    [...page.matchAll(pattern)].map(([, project = '', model = '', value = '']) => [
      `${project}\n${model}`,
      Number(value.replace('Inf', 'Infinity')),
    ]),
  );
}

export function limitsPast({ organization, page, job, now }: PastOptions, settle: number): Tell {
  const apis = endpoints.flatMap((endpoint) => {
    if (endpoint.kind !== 'usage') return [];
    const counted = Object.entries(countedBy(endpoint)) as [Limit, readonly string[]][];
    const groupBy = ['project_id', 'model', 'batch'].filter((name) => endpoint.dimensions.includes(name));
    return counted.length > 0 && groupBy.includes('model') ? [{ api: endpoint.api, counted, groupBy }] : [];
  });
  const limits = new Map((['tokens', 'requests', 'images'] as const).map((limit) => [limit, readLimit(page, limit)]));
  const infos = page.matchAll(
    /^openai_project_model_limit_info\{project_id="([^"]*)",model="([^"]*)",limit_model="([^"]*)"\}/gm,
  );
  const limitModels = new Map(
    [...infos].map(([, project, model, limitModel = '']) => [`${project}\n${model}`, limitModel]),
  );
  const names = new Map(
    [...page.matchAll(/^openai_project_info\{project_id="([^"]*)",project_name="((?:[^"\\]|\\.)*)"/gm)].map(
      ([, project = '', name = '']) => [project, name],
    ),
  );
  const nameOf = (project: string) => names.get(project) ?? project;

  /** Shares of the limits that were used in a minute, by labels. */
  function sharesOf(minute: number): ReadonlyMap<string, number> {
    const shares = new Map<string, number>();
    for (const { api, counted, groupBy } of apis) {
      const span = { from: minute, to: minute + 60 };
      for (const { labels, fields } of organization.truth.usage(api, span, { groupBy, at: now })) {
        const [project = '', model = '', batch] = labels.map((label) => escapeLabelValue(labelValue(label)));
        const limitModel = limitModels.get(`${project}\n${model}`);
        if (limitModel === undefined || batch === 'true') continue;
        for (const [limit, flows] of counted) {
          const most = limits.get(limit)?.get(`${project}\n${limitModel}`) ?? 0;
          if (most <= 0) continue;
          const key = `project_id="${project}",limit_model="${limitModel}",limit="${limit}",project_name="${nameOf(project)}"`;
          const used = flows.reduce((sum, name) => sum + (fields.get(name) ?? 0), 0);
          shares.set(key, (shares.get(key) ?? 0) + used / most);
        }
      }
    }
    return shares;
  }
  const begin = now / 1_000 - told;
  const minutes = new Map<number, ReadonlyMap<string, number>>();
  const known = new Set<string>();
  return (instant, lines) => {
    if (instant < begin) return;
    const newest = Math.floor((instant - settle) / 60) * 60 - 60;
    for (const minute of minutes.keys()) if (minute <= newest - window) minutes.delete(minute);
    for (let minute = newest - window + 60; minute <= newest; minute += 60) {
      if (!minutes.has(minute)) minutes.set(minute, sharesOf(minute));
    }
    for (const shares of minutes.values()) for (const key of shares.keys()) known.add(key);
    for (const key of known) {
      const busiest = Math.max(...[...minutes.values()].map((shares) => shares.get(key) ?? 0));
      lines.push(`job_project_limit:openai_rate_limit_used:max5m{job="${job}",${key}} ${busiest}`);
    }
  };
}
